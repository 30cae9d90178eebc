"""An HDF5 file in memory without the bulk of its data.

HDF5 itself must not write to the disk: when that is full it can end the
process. So it writes its own structures here, the place of a large dataset
stays empty, and the file is then put together by ordinary writes.
"""

from __future__ import annotations

import io

_PAGE = 4096


class SparseBuffer(io.RawIOBase):
    """What HDF5 wrote, page by page; a page that it never wrote takes no memory."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._position = 0
        self.size = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def writable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to ``offset``, as files do."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        self._position = start[whence] + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Set the size; HDF5 does so when it closes the file."""
        self.size = self._position if size is None else size
        return self.size

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Write at the position."""
        view = memoryview(data).cast("B")
        for page, start, stop, at in _spans(self._position, len(view)):
            kept = self._pages.setdefault(page, bytearray(_PAGE))
            kept[start:stop] = view[at : at + stop - start]
        self._position += len(view)
        self.size = max(self.size, self._position)
        return len(view)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read from the position."""
        data = self.part(self._position, min(self._position + len(buffer), self.size))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def part(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` to ``stop``; zeros where nothing was written."""
        found = bytearray(max(stop - start, 0))
        for page, first, last, at in _spans(start, len(found)):
            if page in self._pages:
                found[at : at + last - first] = self._pages[page][first:last]
        return bytes(found)


def _spans(position: int, length: int) -> list[tuple[int, int, int, int]]:
    """Return (page, first byte in it, behind the last, place in the data) of a range."""
    spans, done = [], 0
    while done < length:
        page, start = divmod(position + done, _PAGE)
        stop = min(_PAGE, start + length - done)
        spans.append((page, start, stop, done))
        done += stop - start
    return spans
