"""Versions as rows of the ledger: what each is, of which there is one champion at most, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, insert, select, update

from trifecta.errors import PermanentError
from trifecta.forecast.files import Score
from trifecta.forecast.folders import Version
from trifecta.forecast.targets import Target
from warehouse.ledger import model_events, models

FORCED = "forced: "
MAX_REASON = 500


class Status(StrEnum):
    """What a version is to its symbol and horizon."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    RETIRED = "retired"
    REFUSED = "refused"


class RegistryError(PermanentError):
    """The registry does not know the version, or will not do that with it."""


class Key(msgspec.Struct, frozen=True):
    """What there can be one champion for."""

    venue: str
    symbol: str
    horizon_s: int
    target: Target = Target.RANGE

    def __str__(self) -> str:
        return f"{self.target} of {self.venue} {self.symbol} over {self.horizon_s} s"


class Metrics(msgspec.Struct, frozen=True):
    """What the card said when the version was registered."""

    passed: bool
    reasons: tuple[str, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Record:
    """One version as the ledger knows it. Times are ns; `folder` is relative to the data folder."""

    version: str
    key: Key
    network: str
    status: Status
    folder: str
    sha256: str
    reason: str
    metrics: Metrics
    created_at: int
    promoted_at: int | None
    retired_at: int | None

    @property
    def forced(self) -> bool:
        """It failed its gate and someone made it champion all the same."""
        return self.reason.startswith(FORCED)


@dataclass(frozen=True)
class Event:
    """A change of a version's status."""

    ts_ns: int
    version: str
    from_status: Status | None
    to_status: Status
    reason: str


def add(connection: Connection, version: Version, folder: str, status: Status, now_ns: int) -> Record:
    """The new row of a version."""
    manifest, card = version.manifest, version.card
    reason = (card.gate.lacking or "; ".join(card.gate.reasons))[:MAX_REASON]
    overall = tuple(score for score in card.scores if score.fold < 0) or card.scores
    connection.execute(
        insert(models).values(
            version=version.name,
            target=manifest.target,
            venue=manifest.venue,
            symbol=manifest.symbol,
            horizon_s=manifest.horizon_s,
            network=manifest.network,
            status=status,
            folder=folder,
            sha256=version.sha256,
            reason=reason,
            metrics=msgspec.json.encode(Metrics(card.gate.passed, card.gate.reasons, overall)).decode(),
            created_at=now_ns,
        )
    )
    _note(connection, Event(now_ns, version.name, None, status, reason))
    return known(connection, version.name)


def change(
    connection: Connection, record: Record, status: Status, now_ns: int, reason: str, **times: int | None
) -> Record:
    """The row with another status, and that on record."""
    told = reason[:MAX_REASON]
    where = models.c.version == record.version
    connection.execute(update(models).where(where).values(status=status, reason=told, **times))
    _note(connection, Event(now_ns, record.version, record.status, status, told))
    return known(connection, record.version)


def find(connection: Connection, version: str) -> Record | None:
    """The row of exactly that name."""
    return _first(connection, select(models).where(models.c.version == version))


def known(connection: Connection, version: str) -> Record:
    """The same.

    Raises:
        RegistryError: there is none.
    """
    record = find(connection, version)
    if record is None:
        raise RegistryError(f"model version {version!r} is not known: `trifecta models list` shows the names")
    return record


def every(connection: Connection, symbol: str | None) -> list[Record]:
    """All rows, of one symbol where one is asked for, the newest first."""
    asked = select(models).order_by(models.c.created_at.desc(), models.c.version)
    if symbol is not None:
        asked = asked.where(models.c.symbol == symbol)
    return [_record(row) for row in connection.execute(asked).mappings()]


def champions(connection: Connection) -> list[Record]:
    rows = connection.execute(select(models).where(models.c.status == Status.CHAMPION)).mappings()
    return [_record(row) for row in rows]


def champion(connection: Connection, key: Key) -> Record | None:
    return _first(connection, select(models).where(_of(key), models.c.status == Status.CHAMPION))


def champion_before(connection: Connection, key: Key, present: str) -> Record | None:
    """The version that was retired as champion last, but for the present one."""
    asked = (
        select(models)
        .join(model_events, model_events.c.version == models.c.version)
        .where(_of(key), models.c.version != present, model_events.c.from_status == Status.CHAMPION)
        .order_by(model_events.c.id.desc())
        .limit(1)
    )
    return _first(connection, asked)


def replaced_by(version: str) -> str:
    """The reason on record of a champion that gave its place up to this one."""
    return f"{version} took its place"


def gave_place_to(connection: Connection, version: str) -> Record | None:
    """The retired version that was champion until this one took its place."""
    asked = (
        select(models)
        .join(model_events, model_events.c.version == models.c.version)
        .where(model_events.c.reason == replaced_by(version), models.c.status == Status.RETIRED)
        .order_by(model_events.c.id.desc())
        .limit(1)
    )
    return _first(connection, asked)


def history(connection: Connection, version: str) -> list[Event]:
    """What happened to a version, oldest first."""
    asked = select(model_events).where(model_events.c.version == version).order_by(model_events.c.id)
    return [_event(row) for row in connection.execute(asked).mappings()]


def _note(connection: Connection, event: Event) -> None:
    connection.execute(
        insert(model_events).values(
            ts_ns=event.ts_ns,
            version=event.version,
            from_status=event.from_status,
            to_status=event.to_status,
            reason=event.reason,
        )
    )


def _first(connection: Connection, asked: Select[tuple[object, ...]]) -> Record | None:
    row = connection.execute(asked).mappings().first()
    return None if row is None else _record(row)


def _of(key: Key) -> ColumnElement[bool]:
    return and_(
        models.c.target == key.target,
        models.c.venue == key.venue,
        models.c.symbol == key.symbol,
        models.c.horizon_s == key.horizon_s,
    )


def _record(row: RowMapping) -> Record:
    named = {name: row[name] for name in Record.__dataclass_fields__ if name not in {"key", "status", "metrics"}}
    return Record(
        key=Key(str(row["venue"]), str(row["symbol"]), int(row["horizon_s"]), Target(str(row["target"]))),
        status=Status(str(row["status"])),
        metrics=msgspec.json.decode(str(row["metrics"]), type=Metrics),
        **named,
    )


def _event(row: RowMapping) -> Event:
    before = row["from_status"]
    return Event(
        row["ts_ns"],
        row["version"],
        None if before is None else Status(before),
        Status(row["to_status"]),
        row["reason"],
    )
