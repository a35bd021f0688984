"""The SQL files: one relation each, named like its file, with its grain on the first line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Relation:
    """One SELECT. `grain` says what one of its rows is; of a check, what one of its rows is guilty of."""

    name: str
    grain: str
    select: str


def read(kind: str) -> tuple[Relation, ...]:
    """The relations of `views`, `marts` or `checks`, by name."""
    return tuple(_relation(path) for path in sorted((_FOLDER / kind).glob("*.sql")))


def quoted(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _relation(path: Path) -> Relation:
    grain, _, select = path.read_text(encoding="utf-8").partition("\n")
    if not grain.startswith("-- ") or not select.strip():
        raise ValueError(f"{path.name}: line 1 is {grain!r}; it must be a comment that states the grain")
    return Relation(path.stem, grain.removeprefix("-- ").strip(), select.strip())
