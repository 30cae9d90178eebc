"""The command ``mepipe``, and ``python -m mepipe``."""

from __future__ import annotations

import sys

from mepipe.errors import EXIT_USAGE
from mepipe.extras import BASE, missing


def main() -> None:
    """Run the command line, or say what it lacks.

    ``mepipe.load`` works beside numpy and h5py alone, so mepipe may be installed without the rest.
    """
    absent = [BASE[module] for module in missing(BASE)]
    if absent:
        sys.stderr.write(
            f"mepipe: the commands need {', '.join(absent)}: not installed. Install all of it: "
            "pip install mepipe. Reading features (mepipe.load) needs numpy and h5py only.\n"
        )
        sys.exit(EXIT_USAGE)
    from mepipe.cli import main as command

    command()


if __name__ == "__main__":
    main()
