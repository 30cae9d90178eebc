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


_KEPT = []


def kept(channels, size, classes):
    if not _KEPT:
        _KEPT.append(linear(channels, size, classes))
    return _KEPT[0]


def tied(channels, size, classes):
    model = linear(channels, size, classes)
    model[1].weight = kept(channels, size, classes)[1].weight
    return model


class _Viewing(nn.Module):
    def __init__(self, channels, size, classes):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 3, padding=1)
        self.last = nn.Linear(2 * size * size, classes)

    def forward(self, x):
        x = self.conv(x)
        return self.last(x.view(x.size(0), -1))


def viewing(channels, size, classes):
    return _Viewing(channels, size, classes)


class _Moody(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        out = self.inner(x)
        return out if self.training else out[:, :1]


def moody(channels, size, classes):
    return _Moody(linear(channels, size, classes))


class Doubled(Nearest):
    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 2.0)
