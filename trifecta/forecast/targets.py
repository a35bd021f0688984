"""What a model forecasts."""

from __future__ import annotations

from enum import StrEnum


class Target(StrEnum):
    """A champion, a version and a table are of one of them."""

    RANGE = "range"
    DIRECTION = "direction"
