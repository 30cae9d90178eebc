"""Install the build of torch that fits this machine. `make` calls it before it installs the rest.

PyPI's torch for Linux brings the libraries of a GPU: several GB. Where `nvidia-smi` lists no GPU,
the CPU build is taken: from PyTorch's own index if that can be reached, else from whatever index
pip is set to. If only a build for GPUs is to be had, nothing is installed and the ways on are told.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_TIMEOUT_S = 5


def has_gpu() -> bool:
    """Return True if nvidia-smi lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return listed.returncode == 0 and "GPU" in listed.stdout


def answers(index: str) -> bool:
    """Return True if an index of packages has torch and can be reached."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=_TIMEOUT_S):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


def brings_gpu_libraries(report: str) -> bool:
    """Return True if pip's report on an installation has libraries of a GPU in it."""
    names = [one["metadata"]["name"].lower() for one in json.loads(report)["install"]]
    return any(name.startswith(("nvidia-", "cuda-")) for name in names)


def choose(build: str, *, linux: bool, gpu: bool, cpu_index: bool) -> list[str]:
    """Return the options of pip that give the build.

    Parameters
    ----------
    build
        ``auto``; or ``any``: what pip takes by itself.
    linux, gpu, cpu_index
        Facts of the machine: on other systems PyPI's build has no libraries of a GPU.
    """
    if build == "any" or gpu or not linux or not cpu_index:
        return []
    # An equal version is taken from here: pip sorts 2.13.0+cpu after 2.13.0.
    return ["--extra-index-url", CPU_INDEX]


def main(arguments: Sequence[str] | None = None) -> int:
    """Install torch; return 0, or 1 if only a build for GPUs is to be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraints", required=True)
    parser.add_argument("--build", choices=("auto", "any"), default="auto")
    given = parser.parse_args(arguments)
    linux, gpu = sys.platform == "linux", has_gpu()
    careful = given.build == "auto" and linux and not gpu
    options = choose(given.build, linux=linux, gpu=gpu, cpu_index=careful and answers(CPU_INDEX))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["-c", given.constraints, *options, "torch"]
    if careful:
        report = subprocess.run(
            [*pip, "--dry-run", "--report", "-"], stdout=subprocess.PIPE, text=True, check=False
        )
        if report.returncode:
            return report.returncode
        if brings_gpu_libraries(report.stdout):
            sys.stderr.write(
                "There is no GPU here (nvidia-smi), and the only torch to be had is a build for "
                "GPUs, of several GB.\nNothing was installed. Install a CPU build into this "
                f"environment yourself:\n  {sys.executable} -m pip install torch --index-url "
                f"{CPU_INDEX}\nor take the large build: make TORCH=any ...\n"
            )
            return 1
    return subprocess.run(pip, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
