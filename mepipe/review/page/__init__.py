"""The files of the page, as they are sent: nothing of a run is put into them."""

from __future__ import annotations

from importlib import resources

FILES = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "look.js": "text/javascript; charset=utf-8",
    "frames.js": "text/javascript; charset=utf-8",
    "curve.js": "text/javascript; charset=utf-8",
    "recording.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}


def content(name: str) -> bytes:
    """Return a file of the page. The colours are those of the report."""
    if name == "look.js":
        return (resources.files("mepipe.viz") / name).read_bytes()
    data = (resources.files(__name__) / name).read_bytes()
    if name == "page.css":
        from mepipe.viz.palette import DARK, LIGHT, style_variables

        colours = (
            f":root {{ color-scheme: light dark; {style_variables(LIGHT)} }}\n"
            f"@media (prefers-color-scheme: dark) {{ :root {{ {style_variables(DARK)} }} }}\n"
        )
        data = colours.encode() + data
    return data
