"""Settings: one frozen model per stage; TOML in, a resolved copy out."""

from __future__ import annotations

from mepipe.config.load import load_config, render
from mepipe.config.settings import Config

__all__ = ["Config", "load_config", "render"]
