"""What is known of clips before anything is computed from their frames.

This is the user's corrections and selection, annotations held against the frames that
exist, labels, action units, and the index of the files.
"""
