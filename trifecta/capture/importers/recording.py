"""Frames written as a recording that replay reads: complete or not there at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from trifecta.capture.lines import encode


class Recording:
    """A `.zst` of `<ts_recv ns> <payload>` lines. It appears under its name when it is finished, and is then final."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.there = path.exists()
        self._part = path.with_name(path.name + ".part")
        self._position = 0
        self._last_ns = 0
        self._sink: pa.NativeFile | None = None
        if not self.there:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = pa.output_stream(str(self._part), compression="zstd")

    def append(self, frames: Sequence[tuple[int, bytes]]) -> None:
        """Writes (ts_recv ns, payload) lines; nothing where the recording is there already."""
        if self._sink is None or not frames:
            return
        text, taken = encode(frames, self._position, self._last_ns)
        self._sink.write(text)
        self._position += len(taken.payloads)
        self._last_ns = int(taken.ts_recv[-1])

    def finish(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._part.replace(self.path)

    def abandon(self) -> None:
        """Removes what was written of an unfinished recording."""
        if self._sink is not None and not self._sink.closed:
            self._sink.close()
        self._part.unlink(missing_ok=True)
