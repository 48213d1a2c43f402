"""Tables of numbers in memory that processes share: each writes to one, all may read."""

import mmap
import os
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

TABLE_BYTES = 4 * 2**20
"""Size of one table. Pages that hold no row take no memory."""

MAX_KEY = 256
"""The most bytes of a key."""

_WORD = 8
_MARK, _USED = 0, 1  # of the header: what the rows mean, and how many words are in use
_HEADER = 2
_HALF = 32  # bits; the first word of a row is the words of its key, and those of its values


class Table:
    """Rows of 8-byte words: how many each part has, a key, and values. A row never moves or ends.

    One process writes, without locks. It adds one word at a time, so a process that is killed loses nothing.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._whole = memory.cast("Q")
        self.values = memory.cast("d")
        """All words as floating point numbers. `add` and `rows` say where those of a row begin."""

    def open(self, mark: int) -> None:
        """Prepare to write rows whose meaning is *mark*. Clear a table of another meaning."""
        if self._whole[_MARK] != mark:
            self._whole[_USED] = 0
            self._whole[_MARK] = mark

    def rows(self, mark: int) -> Iterator[tuple[str, int]]:
        """Yield the key of each row and where its values begin, if the rows mean *mark*."""
        if self._whole[_MARK] != mark:  # never opened, or written by another version
            return
        start, end = _HEADER, _HEADER + self._whole[_USED]
        while start < end:
            sizes = self._whole[start]
            key_words, value_words = sizes >> _HALF, sizes & ((1 << _HALF) - 1)
            values = start + 1 + key_words
            key = bytes(self._memory[(start + 1) * _WORD : values * _WORD])
            yield key.rstrip(b"\0").decode(), values
            start = values + value_words

    def add(self, key: str, size: int) -> int:
        """Add a row of *size* values of 0; return where they begin."""
        start = _HEADER + self._whole[_USED]
        text = key.encode()
        key_words = -(-len(text) // _WORD)
        values = start + 1 + key_words
        self._memory[(start + 1) * _WORD : values * _WORD] = text.ljust(key_words * _WORD, b"\0")
        self._memory[values * _WORD : (values + size) * _WORD] = bytes(size * _WORD)
        self._whole[start] = key_words << _HALF | size
        self._whole[_USED] = values + size - _HEADER  # only now: others read the row from here on
        return values


def row_bytes(values: int) -> int:
    """Return the most bytes that a row with so many values takes."""
    return _WORD * (1 + MAX_KEY // _WORD + values)


def shared_tables(count: int) -> IO[bytes]:
    """Return a file with room for *count* tables, for processes that inherit its descriptor and map it.

    It is in memory where the system can do that (Linux). Elsewhere, it is on the disk and written in full:
    the first write to a page of a sparse file that finds no room would kill the process (SIGBUS).

    Raise `OSError` if there is no room for it.
    """
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("orak-tables"), "r+b", buffering=0)
        file.truncate(count * TABLE_BYTES)
        return file
    file = TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        for _ in range(count):
            file.write(bytes(TABLE_BYTES))
        file.flush()
    except OSError:
        file.close()
        raise
    return file


def own_table() -> memoryview:
    """Return memory for a table that no other process reads."""
    return memoryview(mmap.mmap(-1, TABLE_BYTES))
