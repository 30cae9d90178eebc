"""A sparse file in memory, for an HDF5 file without the bulk of its data.

HDF5 must not write to the disk itself: when the disk is full it can end the process
with a segmentation fault. So it writes its structures here, the space of a large
dataset stays empty, and the file is then assembled by ordinary writes.
"""

from __future__ import annotations

import io

_PAGE = 4096  # bytes


class SparseBuffer(io.RawIOBase):
    r"""A file object that stores only the pages that were written.

    It has the interface that h5py needs. Pages that were never written read as
    zeros and take no memory.

    Examples
    --------
    >>> from mepipe.cache.sparse_buffer import SparseBuffer
    >>> buffer = SparseBuffer()
    >>> buffer.seek(1_000_000_000)
    1000000000
    >>> buffer.write(b"end")
    3
    >>> buffer.size, buffer.part(999_999_999, 1_000_000_003)
    (1000000003, b'\x00end')
    """

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._position = 0
        self.size = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
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
        """Set the size. HDF5 does this when it closes the file."""
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
        """Return the bytes from ``start`` to ``stop``, zeros where nothing was written."""
        found = bytearray(max(stop - start, 0))
        for page, first, last, at in _spans(start, len(found)):
            if page in self._pages:
                found[at : at + last - first] = self._pages[page][first:last]
        return bytes(found)


def _spans(position: int, length: int) -> list[tuple[int, int, int, int]]:
    """Split a range of bytes by pages: (page, start in it, stop in it, offset in the range)."""
    spans, done = [], 0
    while done < length:
        page, start = divmod(position + done, _PAGE)
        stop = min(_PAGE, start + length - done)
        spans.append((page, start, stop, done))
        done += stop - start
    return spans
