"""Recorded frames as a peer reads them: lines of `<receive time, ns> <payload>`."""

from __future__ import annotations

import gzip
from pathlib import Path


def frames(paths: list[str]) -> tuple[list[tuple[float, bytes]], bytes]:
    """((receive time in s, payload) of each stream frame, the depth snapshot among them)."""
    found, snapshot = [], b""
    for path in paths:
        for line in gzip.decompress(Path(path).read_bytes()).splitlines():
            stamp, _, payload = line.partition(b" ")
            if payload.startswith(b'{"stream"'):
                found.append((int(stamp) / 1e9, payload))
            else:
                snapshot = payload
    return found, snapshot
