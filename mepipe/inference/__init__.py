"""One clip without a cache: its stages, its picture, and the answer of a saved model."""
