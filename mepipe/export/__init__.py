"""The former place of `mepipe.io`, kept for one release: import from there."""

from mepipe.io import TARGETS, Exported, export

__all__ = ["TARGETS", "Exported", "export"]
