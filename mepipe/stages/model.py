"""The former place of `mepipe.stages.stage`: kept for one release."""

from mepipe.clips.clip_input import ClipInput
from mepipe.stages.stage import Result, Stage, Upstream, Values

__all__ = ["ClipInput", "Result", "Stage", "Upstream", "Values"]
