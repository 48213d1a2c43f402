"""The samples of a treated source, kept on disk for the passes that follow."""

import errno
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE, Layout

BLOCK = RATE // 10
"""Samples in a frame, at most: 100 ms, the step of the loudness meter."""

SAMPLE_FORMAT = "flt"
"""32-bit float, channels interleaved."""

LARGEST_SAMPLE = 2.0**32
"""A float sample beyond it, or one that is no number, is no sound: it becomes 0. Some programs write floats
on the scale of 16, 24 or 32-bit integers."""

_BYTES = 4
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class KeptSamples:
    """Keeps the samples that pass through, if they fit.

    The file has no name, so it disappears with the process. A source that does not fit is decoded again in
    each pass.
    """

    def __init__(self, folder: Path, most_bytes: int, layout: Layout) -> None:
        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by close()
        self._most_bytes = most_bytes
        self._layout = layout
        self._frame_bytes = _BYTES * (1 if layout == "mono" else 2)
        self._size = 0
        self._fits = True
        self.complete = False
        """Whether the file holds all samples."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def keep(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """Yield *frames* unchanged, and keep their samples."""
        for frame in frames:
            if self._fits:
                self._write(frame)
            yield frame
        self.complete = self._fits

    def _write(self, frame: AudioFrame) -> None:
        size = frame.samples * self._frame_bytes
        self._fits = self._size + size <= self._most_bytes
        if self._fits:
            try:
                self._fits = self._file.write(memoryview(frame.planes[0])[:size]) == size
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                self._fits = False
        if self._fits:
            self._size += size
        else:
            self._file.truncate(0)

    def frames(self) -> Iterator[AudioFrame]:
        """Yield the samples again, in frames of `BLOCK` samples."""
        self._file.seek(0)
        left = self._size
        while left:
            size = min(left, BLOCK * self._frame_bytes)
            frame = AudioFrame(SAMPLE_FORMAT, self._layout, size // self._frame_bytes)
            plane = frame.planes[0]
            plane.update(self._file.read(size).ljust(plane.buffer_size, b"\0"))
            frame.sample_rate = RATE
            left -= size
            yield frame
