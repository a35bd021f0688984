"""What an agent writes beside its verdict, and all that it is learned from and judged by afterwards."""

from __future__ import annotations

from typing import Any

import msgspec


class Note(msgspec.Struct, frozen=True):
    """The detail of an agent's stage in the ledger."""

    agent: str  # whose table: an engine, or "regime"
    state: str
    greedy: str  # what its table said: execute or skip
    action: str  # what it chose, exploration included
    learned: str  # the action whose value its table held then: execute, or the engine for the regime agent
    value: float  # of that action then
    visits: int  # outcomes behind that value
    propensity: float  # probability with which the opportunity went on: 1 where the agent advises
    explored: bool
    acting: bool
    passes: bool


_KNOWN = msgspec.json.Decoder(Note).decode


def told(note: Note) -> dict[str, Any]:
    """As JSON types."""
    found: dict[str, Any] = msgspec.to_builtins(note)
    return found


def read(detail: str) -> Note:
    """The note of a stored stage.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return _KNOWN(detail)
