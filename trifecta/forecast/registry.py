"""Which version serves what: rows in the ledger that point at version folders, and the acts that change them.

    challenger ── promote ──▶ champion ── another is promoted, or it is demoted ──▶ retired ── promote, rollback ──▶ …
    refused: failed its gate; becomes champion by force alone, with a reason that stays on record

At most one champion for each target, venue, symbol and horizon; without one the best baseline serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
from loguru import logger
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, select, update

from trifecta.errors import PermanentError
from trifecta.forecast.direction import versions as directions
from trifecta.forecast.direction.model import Model
from trifecta.forecast.folders import VersionError, target_of
from trifecta.forecast.graph import Graph
from trifecta.forecast.targets import Target
from trifecta.forecast.versions import Score, Version, load
from warehouse.ledger import Ledger, model_events, models

AnyVersion = Version | directions.Version
FORCED = "forced: "
MAX_REASON = 500
MAX_PREDECESSORS = 8


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


def register(ledger: Ledger, data_dir: Path, version: AnyVersion, now_ns: int) -> Record:
    """The version's row: challenger if its gate passed, else refused. A version that has one keeps it."""
    gate, manifest = version.card.gate, version.manifest
    status = Status.CHALLENGER if gate.passed else Status.REFUSED
    reason = "; ".join(gate.reasons)[:MAX_REASON]
    with ledger.begin() as connection:
        known = _find(connection, version.name)
        if known is not None:
            return known
        overall = tuple(score for score in version.card.scores if score.fold < 0) or version.card.scores
        connection.execute(
            insert(models).values(
                version=version.name,
                target=manifest.target,
                venue=manifest.venue,
                symbol=manifest.symbol,
                horizon_s=manifest.horizon_s,
                network=manifest.network,
                status=status,
                folder=version.folder.relative_to(data_dir).as_posix(),
                sha256=version.sha256,
                reason=reason,
                metrics=msgspec.json.encode(Metrics(gate.passed, gate.reasons, overall)).decode(),
                created_at=now_ns,
            )
        )
        _note(connection, Event(now_ns, version.name, None, status, reason))
        return _known(connection, version.name)


def adopt(ledger: Ledger, data_dir: Path, now_ns: int) -> list[Record]:
    """Registers whole folders that have no row: a training was killed between writing and registering them.

    A folder that `load` refuses is told in the log and left alone.
    """
    known, adopted = {record.version for record in versions(ledger)}, []
    for path in sorted((data_dir / "models").glob("[!.]*")):
        if path.is_dir() and path.name not in known:
            try:
                adopted.append(register(ledger, data_dir, load_any(path), now_ns))
            except VersionError as error:
                logger.warning("a folder among the models is no version: {}", error)
    return adopted


def versions(ledger: Ledger, *, symbol: str | None = None) -> list[Record]:
    """Every version, the champions first, then the newest."""
    asked = select(models).order_by(models.c.created_at.desc(), models.c.version)
    if symbol is not None:
        asked = asked.where(models.c.symbol == symbol)
    with ledger.read() as connection:
        found = [_record(row) for row in connection.execute(asked).mappings()]
    return sorted(found, key=lambda record: record.status is not Status.CHAMPION)


def champions(ledger: Ledger) -> dict[Key, Record]:
    """Who serves what."""
    with ledger.read() as connection:
        rows = connection.execute(select(models).where(models.c.status == Status.CHAMPION)).mappings()
        return {record.key: record for record in map(_record, rows)}


def serving(ledger: Ledger, data_dir: Path, key: Key) -> Graph | None:
    """The champion's graph of a range; None without one, or where it is damaged, which the log tells."""
    record = champions(ledger).get(key)
    try:
        return None if record is None else open_version(record, data_dir)
    except VersionError as error:
        logger.warning("the champion cannot be compared with: {}", error)
        return None


def find(ledger: Ledger, version: str) -> Record:
    """The version of that name, or the only one whose name ends so.

    Raises:
        RegistryError: there is none, or there are several.
    """
    known = versions(ledger)
    found = [record for record in known if record.version == version] or [
        record for record in known if version and record.version.endswith(version)
    ]
    if len(found) != 1:
        several = f"fits {len(found)} versions" if found else "is not known"
        raise RegistryError(f"model version {version!r} {several}: `trifecta models list` shows the names")
    return found[0]


def history(ledger: Ledger, version: str) -> list[Event]:
    """What happened to a version, oldest first."""
    asked = select(model_events).where(model_events.c.version == version).order_by(model_events.c.id)
    with ledger.read() as connection:
        return [_event(row) for row in connection.execute(asked).mappings()]


def load_any(folder: Path, *, sha256: str | None = None) -> AnyVersion:
    """The version in that folder, whatever it forecasts.

    Raises:
        VersionError: the folder is damaged or foreign.
    """
    if target_of(folder) is Target.DIRECTION:
        return directions.load(folder, sha256=sha256)
    return load(folder, sha256=sha256)


def open_direction(record: Record, data_dir: Path) -> Model:
    """The model of a direction, its folder checked against the ledger's hash.

    Raises:
        VersionError: the folder is damaged, foreign, or its graphs give no probabilities.
    """
    return Model.load(data_dir / record.folder, sha256=record.sha256)


def open_version(record: Record, data_dir: Path) -> Graph:
    """The graph of a range, its folder checked against the ledger's hash.

    Raises:
        VersionError: the folder is damaged, foreign, or its graph gives no forecast.
    """
    return Graph.load(data_dir / record.folder, sha256=record.sha256)


def predecessors(ledger: Ledger, version: str) -> list[Record]:
    """The champions before this one that gave their place up, newest first, at most `MAX_PREDECESSORS`.

    One that was demoted, or that a person rolled back from, ends the list: it is not to serve again by itself.
    """
    found: list[Record] = []
    with ledger.read() as connection:
        while len(found) < MAX_PREDECESSORS:
            asked = (
                select(models)
                .join(model_events, model_events.c.version == models.c.version)
                .where(model_events.c.reason == _replaced_by(version), models.c.status == Status.RETIRED)
                .order_by(model_events.c.id.desc())
                .limit(1)
            )
            row = connection.execute(asked).mappings().first()
            if row is None or any(one.version == row["version"] for one in found):
                break
            found.append(_record(row))
            version = found[-1].version
    return found


def promote(
    ledger: Ledger, data_dir: Path, version: str, now_ns: int, *, reason: str = "", force: bool = False
) -> Record:
    """Makes a version champion; the one before it is retired in the same act.

    Raises:
        RegistryError: it is unknown, or failed its gate and is not forced with a reason.
        VersionError: its folder would not be served.
    """
    record = find(ledger, version)
    if not record.metrics.passed:
        if not force:
            told = "; ".join(record.metrics.reasons)
            raise RegistryError(f"{record.version} failed its gate: {told}. --force --reason '…' promotes it anyway")
        if not reason.strip():
            raise RegistryError(f"{record.version} failed its gate: --force needs a --reason, which is kept and shown")
        reason = FORCED + reason.strip()
    _open(record, data_dir)
    with ledger.begin() as connection:
        told = reason or "promoted"
        return _crown(connection, _known(connection, record.version), now_ns, told, _replaced_by(record.version))


def rollback(ledger: Ledger, data_dir: Path, key: Key, now_ns: int, *, reason: str = "") -> Record:
    """Makes the champion before the present one champion again; doing it twice returns to where it began.

    Raises:
        RegistryError: there is no champion, or there was none before it.
        VersionError: the folder of the one before would not be served.
    """
    with ledger.read() as connection:
        present = _champion(connection, key)
        if present is None:
            raise RegistryError(f"{_told(key)} has no champion to roll back from: promote a version by name")
        before = _before(connection, key, present.version)
    if before is None:
        raise RegistryError(f"{_told(key)} had no champion before {present.version}")
    _open(before, data_dir)
    said = f"{FORCED}rolled back" if not before.metrics.passed else "rolled back"
    with ledger.begin() as connection:
        if _champion(connection, key) != present:
            raise RegistryError(f"{_told(key)} has another champion by now: look at it and ask again")
        told = f"{said} from {present.version}" + (f": {reason}" if reason else "")
        return _crown(connection, before, now_ns, told, f"rolled back to {before.version}")


def demote(ledger: Ledger, version: str, now_ns: int, reason: str) -> Record:
    """Takes a champion off; the best baseline serves until another is promoted.

    Raises:
        RegistryError: it is not the champion.
    """
    with ledger.begin() as connection:
        record = _known(connection, version)
        if record.status is not Status.CHAMPION:
            raise RegistryError(f"{version} is {record.status}, not champion: nothing to demote")
        _retire(connection, record, now_ns, reason)
        return _known(connection, version)


def _open(record: Record, data_dir: Path) -> None:
    """Does nothing but raise where the version would not be served."""
    opening = open_direction if record.key.target is Target.DIRECTION else open_version
    opening(record, data_dir)


def _replaced_by(version: str) -> str:
    return f"{version} took its place"


def _crown(connection: Connection, record: Record, now_ns: int, reason: str, to_the_one_before: str) -> Record:
    present = _champion(connection, record.key)
    if present is not None and present.version == record.version:
        return present
    if present is not None:
        _retire(connection, present, now_ns, to_the_one_before)
    _set(connection, record, Status.CHAMPION, now_ns, reason, promoted_at=now_ns, retired_at=None)
    return _known(connection, record.version)


def _retire(connection: Connection, record: Record, now_ns: int, reason: str) -> None:
    _set(connection, record, Status.RETIRED, now_ns, reason, retired_at=now_ns)


def _set(connection: Connection, record: Record, status: Status, now_ns: int, reason: str, **times: int | None) -> None:
    told = reason[:MAX_REASON]
    where = models.c.version == record.version
    connection.execute(update(models).where(where).values(status=status, reason=told, **times))
    _note(connection, Event(now_ns, record.version, record.status, status, told))


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


def _before(connection: Connection, key: Key, present: str) -> Record | None:
    """The version that was retired as champion last, but for the present one."""
    asked = (
        select(models)
        .join(model_events, model_events.c.version == models.c.version)
        .where(_of(key), models.c.version != present, model_events.c.from_status == Status.CHAMPION)
        .order_by(model_events.c.id.desc())
        .limit(1)
    )
    row = connection.execute(asked).mappings().first()
    return None if row is None else _record(row)


def _champion(connection: Connection, key: Key) -> Record | None:
    asked = select(models).where(_of(key), models.c.status == Status.CHAMPION)
    row = connection.execute(asked).mappings().first()
    return None if row is None else _record(row)


def _of(key: Key) -> ColumnElement[bool]:
    return and_(
        models.c.target == key.target,
        models.c.venue == key.venue,
        models.c.symbol == key.symbol,
        models.c.horizon_s == key.horizon_s,
    )


def _find(connection: Connection, version: str) -> Record | None:
    row = connection.execute(select(models).where(models.c.version == version)).mappings().first()
    return None if row is None else _record(row)


def _known(connection: Connection, version: str) -> Record:
    record = _find(connection, version)
    if record is None:
        raise RegistryError(f"model version {version!r} is not known: `trifecta models list` shows the names")
    return record


def _record(row: RowMapping | Mapping[str, object]) -> Record:
    named = {name: row[name] for name in Record.__dataclass_fields__ if name not in {"key", "status", "metrics"}}
    return Record(
        key=Key(str(row["venue"]), str(row["symbol"]), int(str(row["horizon_s"])), Target(str(row["target"]))),
        status=Status(str(row["status"])),
        metrics=msgspec.json.decode(str(row["metrics"]), type=Metrics),
        **named,  # type: ignore[arg-type]  # the ledger's columns have these types
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


def _told(key: Key) -> str:
    return f"{key.target} of {key.venue} {key.symbol} over {key.horizon_s} s"
