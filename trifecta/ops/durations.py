"""Spans of time as people write them."""

from __future__ import annotations

import re

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


def seconds(text: str) -> float:
    """How long `text` is: 90s, 10m, 2h, 1d; a bare number counts seconds.

    Raises:
        ValueError: it is none of these.
    """
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None or float(found[1]) == 0:
        raise ValueError(f"{text!r} is not a span of time: write it like 90s, 10m or 2h")
    return float(found[1]) * _UNITS_S[found[2] or "s"]
