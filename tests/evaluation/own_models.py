"""Models as a user might name them, good and bad."""

import numpy as np
from torch import nn


class Nearest:
    """The class with the nearest mean; no predict_proba, no get_params."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means = np.stack([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict(self, X):
        away = ((X[:, None] - self.means) ** 2).sum(axis=2)
        return self.classes_[away.argmin(axis=1)]


class Words(Nearest):
    def predict(self, X):
        return np.array(["negative"] * len(X))


class Table(Nearest):
    def predict(self, X):
        return np.zeros((len(X), 3))


class Bug(Nearest):
    def fit(self, X, y):
        raise ZeroDivisionError("a bug of the user's")


def linear(channels, size, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))


def wrong_shape(channels, size, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes + 2))


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Linear(1, 1)

    def forward(self, x):
        raise ZeroDivisionError("a bug of the user's")
