"""The process of a rebuild: reads what to run on its input, writes how far it is, line by line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mepipe.cache.store import open_store
from mepipe.config.settings import Config
from mepipe.datasets.registry import open_datasets
from mepipe.errors import MepipeError
from mepipe.execution.context import Context
from mepipe.execution.progress import CallbackProgress
from mepipe.run import Run
from mepipe.schema import STEPS


def main() -> None:
    """Run, and tell."""
    asked = json.load(sys.stdin)
    try:
        _say({"finished": rebuild(asked)})
    except MepipeError as error:
        _say({"error": error.message, "remedy": error.remedy})
        sys.exit(error.exit_code)


def rebuild(asked: dict[str, Any]) -> str:
    """Run what is asked, and return in words what was computed."""
    context = Context(
        open_store(Path(asked["cache"])),
        jobs=asked["jobs"],
        device=asked["device"],
        progress=CallbackProgress(
            lambda title, done, total: _say({"title": title, "done": done, "total": total})
        ),
    )
    road = Run(
        open_datasets([f"{name}={root}" for name, root in asked["roots"].items()]),
        Config.model_validate(asked["config"]),
        context,
        out=Path(asked["out"]),
        until=asked["until"],
    )
    result = road.execute()
    done = [f"{step} {result.computed[step]}" for step in STEPS if result.computed[step]]
    return ", ".join(done)


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
