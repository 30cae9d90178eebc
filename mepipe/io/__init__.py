"""Features in the forms that other code reads, and back.

`export` writes them, one module a form: `tables` (npz, csv), `pictures` (png, for looking),
`ststnet` and `htnet` (the folders of pictures that public training scripts read).
"""

from mepipe.io.export_features import TARGETS, export
from mepipe.io.exported_rows import Exported

__all__ = ["TARGETS", "Exported", "export"]
