"""A synthetic dataset with known truth, made from a photograph.

It shows that the software runs and finds what was put in; it is no ground for
science. Importing this package imports neither OpenCV nor dlib.
"""

from mepipe.sample.factors import HARD, NONE, Factors
from mepipe.sample.pair import exact_pair
from mepipe.sample.writer import SampleSummary, write

__all__ = ["HARD", "NONE", "Factors", "SampleSummary", "exact_pair", "write"]
