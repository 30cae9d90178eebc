"""Labelled flow of made expressions: what a network can be trained on without any clip."""
