"""The page on which people look at the clips of a run, and correct its marks."""
