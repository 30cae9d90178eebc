"""A synthetic dataset with known truth, made from a photograph.

It tests that the software runs and finds known movements. It is no evidence about
real faces. Importing this package imports neither OpenCV nor dlib.
"""

from mepipe.sample.everyday import Everyday
from mepipe.sample.factors import HARD, NONE, Factors
from mepipe.sample.pair import exact_pair
from mepipe.sample.recording_files import RecordingsSummary, write_recordings
from mepipe.sample.timeline import plan_recording
from mepipe.sample.writer import SampleSummary, write

__all__ = [
    "HARD",
    "NONE",
    "Everyday",
    "Factors",
    "RecordingsSummary",
    "SampleSummary",
    "exact_pair",
    "plan_recording",
    "write",
    "write_recordings",
]
