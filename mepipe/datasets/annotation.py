"""Old place of ``mark``, kept for one release: import it from `mepipe.datasets`."""

from mepipe.datasets.marks import mark, parse_number

__all__ = ["mark", "parse_number"]
