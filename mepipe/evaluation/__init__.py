"""Models on features: training, folds, metrics, results, and comparisons of models."""
