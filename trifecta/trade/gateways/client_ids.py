"""Our order ids as venues let one write them, and back.

Ours is `tri-<20 hex digits of the decision>-<number>` (`trade/store.py`). No two of ours become one of theirs.
"""

from __future__ import annotations

import re
from uuid import UUID

from trifecta.errors import VenueRefusedError

_OURS = re.compile(r"tri-([0-9a-f]{20})-(\d{1,9})")
_COMPACT = re.compile(r"tri([0-9a-f]{20})(\d{1,9})")
_MARK = 0x3A5  # 10 bits that tell our UUIDs from others
MAGIC_ORDERS = 2**8
"""Magic numbers of one decision: divided by this, they are equal."""
_MAGIC_DIGITS = 11


def compact(ours: str) -> str:
    """Letters and digits, 32 at most: for venues that take nothing else."""
    return f"tri{''.join(_parts(ours))}"


def from_compact(theirs: str) -> str | None:
    """Our id; None where it is somebody else's."""
    found = _COMPACT.fullmatch(theirs)
    return f"tri-{found[1]}-{found[2]}" if found else None


def uuid(ours: str) -> str:
    """A UUID of version 8 (RFC 9562) that holds all of ours: for venues that take nothing else."""
    digest, number = _parts(ours)
    value = _MARK << 112 | int(digest, 16) << 32 | int(number)
    top, middle, low = value >> 74, value >> 62 & 0xFFF, value & (2**62 - 1)
    return str(UUID(int=top << 80 | 0x8 << 76 | middle << 64 | 0b10 << 62 | low))


def from_uuid(theirs: str) -> str | None:
    """Our id; None where it is somebody else's."""
    try:
        value = UUID(theirs).int
    except ValueError:
        return None
    if value >> 76 & 0xF != 0x8 or value >> 62 & 0b11 != 0b10:
        return None
    joined = value >> 80 << 74 | (value >> 64 & 0xFFF) << 62 | value & (2**62 - 1)
    if joined >> 112 != _MARK:
        return None
    return f"tri-{joined >> 32 & (2**80 - 1):020x}-{joined & (2**32 - 1)}"


def magic(ours: str) -> int:
    """A number below 2^53 for MetaTrader 5: 44 bits of the decision and the order's number in it."""
    digest, number = _parts(ours)
    return int(digest[:_MAGIC_DIGITS], 16) * MAGIC_ORDERS + int(number) % MAGIC_ORDERS


def _parts(ours: str) -> tuple[str, str]:
    found = _OURS.fullmatch(ours)
    if found is None:
        raise VenueRefusedError(f"client_order_id = {ours!r}: expected tri-<20 hex digits>-<number>")
    return found[1], found[2]
