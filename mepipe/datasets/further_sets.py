"""Old place of four readers, kept for one release; each has a module of its own now."""

# Entry points that an earlier version installed name these functions. Delete this module
# in 0.3.0: by then every installation has been renewed.
from mepipe.datasets.casme import read as read_casme
from mepipe.datasets.casme3 import read as read_casme3
from mepipe.datasets.dfme import read as read_dfme
from mepipe.datasets.mmew import read as read_mmew

__all__ = ["read_casme", "read_casme3", "read_dfme", "read_mmew"]
