"""Which version serves what: rows in the ledger that point at version folders, and the acts that change them.

    challenger ── promote ──▶ champion ── another is promoted, or it is demoted ──▶ retired ── promote, rollback ──▶ …
    refused: failed its gate; becomes champion by force alone, with a reason that stays on record

At most one champion for each target, venue, symbol and horizon; without one the best baseline serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from loguru import logger
from sqlalchemy import Connection

from trifecta.forecast import folders, records
from trifecta.forecast.direction.model import Model
from trifecta.forecast.direction.versions import Version as DirectionVersion
from trifecta.forecast.folders import Version, VersionError
from trifecta.forecast.graph import Graph
from trifecta.forecast.records import FORCED, Event, Key, Record, RegistryError, Status
from trifecta.forecast.targets import Target
from trifecta.forecast.versions import Version as RangeVersion
from warehouse.ledger import Ledger

T = TypeVar("T")
MAX_PREDECESSORS = 8
KINDS: Mapping[Target, type[RangeVersion | DirectionVersion]] = {
    Target.RANGE: RangeVersion,
    Target.DIRECTION: DirectionVersion,
}


def register(ledger: Ledger, data_dir: Path, version: Version, now_ns: int) -> Record:
    """The version's row: challenger if its gate passed, else refused. A version that has one keeps it."""
    status = Status.CHALLENGER if version.card.gate.passed else Status.REFUSED
    folder = version.folder.relative_to(data_dir).as_posix()
    with ledger.begin() as connection:
        return records.find(connection, version.name) or records.add(connection, version, folder, status, now_ns)


def adopt(ledger: Ledger, data_dir: Path, now_ns: int) -> list[Record]:
    """Registers whole folders that have no row: a training was killed between writing and registering them.

    A folder that is refused is told in the log and left alone.
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
    with ledger.read() as connection:
        found = records.every(connection, symbol)
    return sorted(found, key=lambda record: record.status is not Status.CHAMPION)


def champions(ledger: Ledger) -> dict[Key, Record]:
    """Who serves what."""
    with ledger.read() as connection:
        return {record.key: record for record in records.champions(connection)}


def serving(ledger: Ledger, data_dir: Path, key: Key, opening: Callable[[Record, Path], T]) -> T | None:
    """The champion, opened; None without one, or where it is damaged, which the log tells."""
    record = champions(ledger).get(key)
    try:
        return None if record is None else opening(record, data_dir)
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
    with ledger.read() as connection:
        return records.history(connection, version)


def load_any(folder: Path, *, sha256: str | None = None) -> RangeVersion | DirectionVersion:
    """The version in that folder, whatever it forecasts.

    Raises:
        VersionError: the folder is damaged or foreign.
    """
    return KINDS[folders.target_of(folder)].load(folder, sha256=sha256)


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
            before = records.gave_place_to(connection, version)
            if before is None or any(one.version == before.version for one in found):
                break
            found.append(before)
            version = before.version
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
        found = records.known(connection, record.version)
        return _crown(connection, found, now_ns, told, records.replaced_by(record.version))


def rollback(ledger: Ledger, data_dir: Path, key: Key, now_ns: int, *, reason: str = "") -> Record:
    """Makes the champion before the present one champion again; doing it twice returns to where it began.

    Raises:
        RegistryError: there is no champion, or there was none before it.
        VersionError: the folder of the one before would not be served.
    """
    with ledger.read() as connection:
        present = records.champion(connection, key)
        if present is None:
            raise RegistryError(f"{key} has no champion to roll back from: promote a version by name")
        before = records.champion_before(connection, key, present.version)
    if before is None:
        raise RegistryError(f"{key} had no champion before {present.version}")
    _open(before, data_dir)
    said = f"{FORCED}rolled back" if not before.metrics.passed else "rolled back"
    with ledger.begin() as connection:
        if records.champion(connection, key) != present:
            raise RegistryError(f"{key} has another champion by now: look at it and ask again")
        told = f"{said} from {present.version}" + (f": {reason}" if reason else "")
        return _crown(connection, before, now_ns, told, f"rolled back to {before.version}")


def demote(ledger: Ledger, version: str, now_ns: int, reason: str) -> Record:
    """Takes a champion off; the best baseline serves until another is promoted.

    Raises:
        RegistryError: it is not the champion.
    """
    with ledger.begin() as connection:
        record = records.known(connection, version)
        if record.status is not Status.CHAMPION:
            raise RegistryError(f"{version} is {record.status}, not champion: nothing to demote")
        return records.change(connection, record, Status.RETIRED, now_ns, reason, retired_at=now_ns)


def _open(record: Record, data_dir: Path) -> None:
    """Does nothing but raise where the version would not be served."""
    opening = open_direction if record.key.target is Target.DIRECTION else open_version
    opening(record, data_dir)


def _crown(connection: Connection, record: Record, now_ns: int, reason: str, to_the_one_before: str) -> Record:
    present = records.champion(connection, record.key)
    if present is not None and present.version == record.version:
        return present
    if present is not None:
        records.change(connection, present, Status.RETIRED, now_ns, to_the_one_before, retired_at=now_ns)
    return records.change(connection, record, Status.CHAMPION, now_ns, reason, promoted_at=now_ns, retired_at=None)
