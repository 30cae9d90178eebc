# The door as type checkers and editors see it; `__init__.py` imports each name when it is used.
from mepipe import datasets as datasets
from mepipe import errors as errors
from mepipe import face as face
from mepipe import flow as flow
from mepipe import spotting as spotting
from mepipe import viz as viz
from mepipe.config import Config as Config
from mepipe.datasets.registry import read_dataset as read_dataset
from mepipe.evaluation import metrics as metrics
from mepipe.evaluation.api import evaluate as evaluate
from mepipe.evaluation.api import train as train
from mepipe.evaluation.comparison_result import compare as compare
from mepipe.evaluation.evaluate_units import evaluate_units as evaluate_units
from mepipe.evaluation.saved_model import load_model as load_model
from mepipe.features import Features as Features
from mepipe.features import load as load
from mepipe.inference.clip import ClipResult as ClipResult
from mepipe.inference.extract import extract as extract
from mepipe.inference.predictor import Prediction as Prediction
from mepipe.inference.predictor import Predictor as Predictor
from mepipe.pipeline.check import check as check
from mepipe.pipeline.run_result import RunResult as RunResult
from mepipe.recordings.spot import spot as spot
from mepipe.run import run as run

__version__: str
__all__: list[str]
