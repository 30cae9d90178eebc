import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def cli_sample(made_sample):
    """Three subjects with a clip of each class."""
    return made_sample(3, 3, seed=1)


@pytest.fixture
def mepipe(tmp_path):
    """Run the command line in a process of its own, in an empty folder."""

    def call(*arguments, code=None, **options):
        program = code or "from mepipe.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "MEPIPE_CACHE": str(tmp_path / "cache"), **options.pop("env", {})},
            **options,
        )

    return call
