"""Features in the forms that other people's code reads.

`export` writes them, one module a form: `tables` (npz, csv), `pictures` (png, for looking),
`trees` and `htnet` (the folders of pictures that public training scripts read).
"""

from mepipe.export.model import Exported
from mepipe.export.targets import TARGETS, export

__all__ = ["TARGETS", "Exported", "export"]
