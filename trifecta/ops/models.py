"""What a person sees and does of trained models on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trifecta.clock import NS_PER_S, Clock
from trifecta.forecast import registry
from trifecta.forecast.files import Card, Score
from trifecta.forecast.records import Event, Key, Record, RegistryError, Status
from trifecta.forecast.targets import Target
from trifecta.settings import Settings
from warehouse.ledger import Ledger

STYLES = {Status.CHAMPION: "bold green", Status.CHALLENGER: "cyan", Status.RETIRED: "dim", Status.REFUSED: "red"}
SHOWN_REASON = 60


class Shown(NamedTuple):
    """One version with all that is known about it."""

    record: Record
    card: Card
    history: list[Event]


@dataclass(frozen=True)
class Comparison:
    """Two versions by what their cards say. `same_data`: both were judged on the same rows, so figures compare."""

    first: Shown
    second: Shown
    same_data: bool


@contextmanager
def opened(settings: Settings) -> Iterator[Ledger]:
    """The ledger, brought to this program's version."""
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        yield ledger


def listed(settings: Settings, symbol: str) -> list[Record]:
    """Every version, of one symbol where one is asked for."""
    with opened(settings) as ledger:
        return registry.versions(ledger, symbol=symbol or None)


def shown(settings: Settings, version: str) -> Shown:
    """A version's row, card and history.

    Raises:
        RegistryError: it is not known.
        VersionError: its folder is damaged.
    """
    with opened(settings) as ledger:
        record = registry.find(ledger, version)
        folder = settings.data_dir / record.folder
        return Shown(
            record, registry.load_any(folder, sha256=record.sha256).card, registry.history(ledger, record.version)
        )


def compared(settings: Settings, first: str, second: str) -> Comparison:
    """Two versions side by side."""
    one, other = shown(settings, first), shown(settings, second)
    judged = [(it.record.key, it.card.data, it.card.since_ns, it.card.until_ns) for it in (one, other)]
    return Comparison(one, other, judged[0] == judged[1])


def promote(settings: Settings, version: str, clock: Clock, *, reason: str, force: bool) -> Record:
    """Makes a version champion; the sidecar follows within about a second."""
    with opened(settings) as ledger:
        now_ns = clock.now_ns()
        return registry.promote(ledger, settings.data_dir, version, now_ns, reason=reason, force=force)


def rollback(
    settings: Settings, symbol: str, clock: Clock, *, target: Target, venue: str, horizon_s: int | None, reason: str
) -> Record:
    """Makes the champion before the present one champion again.

    Raises:
        RegistryError: there is no champion of that symbol, or several: horizon or venue must tell which.
    """
    with opened(settings) as ledger:
        wanted = [key for key in registry.champions(ledger) if key.target is target]
        key = _only(wanted, symbol, venue, horizon_s)
        return registry.rollback(ledger, settings.data_dir, key, clock.now_ns(), reason=reason)


def _only(champions: Iterable[Key], symbol: str, venue: str, horizon_s: int | None) -> Key:
    found = [
        key
        for key in champions
        if key.symbol == symbol and venue in ("", key.venue) and horizon_s in (None, key.horizon_s)
    ]
    if len(found) != 1:
        told = ", ".join(f"{key.venue} {key.symbol} {key.horizon_s} s" for key in found or champions) or "none"
        which = "several champions fit" if found else f"{symbol} has no such champion"
        raise RegistryError(f"{which}; champions: {told}; tell which with --horizon and --venue")
    return found[0]


def of_list(records: Sequence[Record]) -> RenderableType:
    """One line a version."""
    if not records:
        return Text("no model yet: `trifecta train` makes one; the best baseline serves meanwhile")
    table = _table("version", "status", "of", "horizon", "loss", "best baseline", "gate", "why")
    for record in records:
        ours, best = _ours(record.metrics.scores, record.network), _best(record.metrics.scores, record.network)
        table.add_row(
            record.version,
            Text(record.status, style=STYLES[record.status]),
            f"{record.key.venue} {record.key.symbol}",
            f"{record.key.horizon_s} s",
            "-" if ours is None else f"{ours.loss:.4f}",
            "-" if best is None else f"{best.loss:.4f} {best.forecaster}",
            Text("passed", style="green") if record.metrics.passed else Text("failed", style="red"),
            record.reason if len(record.reason) <= SHOWN_REASON else record.reason[: SHOWN_REASON - 1] + "…",
        )
    return table


def of_version(found: Shown) -> RenderableType:
    """Everything about one version."""
    record, card = found.record, found.card
    facts = _table("", "", header=False)
    for name, value in (
        ("version", record.version),
        ("forecasts", f"{record.key.target} of {record.key.venue} {record.key.symbol} over {record.key.horizon_s} s"),
        ("status", f"{record.status}: {record.reason}" if record.reason else record.status),
        ("gate", "passed" if record.metrics.passed else "failed" + (", promoted by force" if record.forced else "")),
        *(("", reason) for reason in card.gate.reasons),
        ("trained on", f"{card.data}, {_moment(card.since_ns)} to {_moment(card.until_ns)}"),
        ("windows", ", ".join(f"{part} {count:,}" for part, count in card.windows.items())),
        ("made by", f"commit {card.commit[:12]}, seed {card.seed}, features version {card.feature_version}"),
        ("lake", ", ".join(f"{table} at version {number}" for table, number in card.tables.items())),
        *(("note", note) for note in card.notes),
        ("folder", record.folder),
    ):
        facts.add_row(name, value)
    return Group(facts, Text(), of_scores(card.scores), Text(), of_history(found.history))


def of_scores(scores: Sequence[Score]) -> Table:
    """How good each forecaster was on the test part, and the p of the model against it."""
    table = _table("forecaster", "fold", "windows", "loss", "MAE", "p", "coverage", "width", "Brier", "hit rate")
    for score in scores:
        numbers = (score.p_value, score.coverage, score.width, score.brier, score.hit_rate)
        fold = "all" if score.fold < 0 else str(score.fold)
        losses = (f"{score.loss:.4f}", _number(score.mae))
        table.add_row(score.forecaster, fold, f"{score.windows:,}", *losses, *map(_number, numbers))
    return table


def of_history(events: Sequence[Event]) -> Table:
    """What happened to a version, oldest first."""
    table = _table("when", "to", "why")
    for event in events:
        table.add_row(_moment(event.ts_ns), Text(event.to_status, style=STYLES[event.to_status]), event.reason)
    return table


def of_comparison(found: Comparison) -> RenderableType:
    """Two versions side by side, and whether their figures compare at all."""
    table = _table("", found.first.record.version, found.second.record.version)
    pairs = [(it.record, _ours(it.card.scores, it.record.network), it.card) for it in (found.first, found.second)]
    for name, of in (
        ("status", lambda record, score, card: record.status.value),
        ("gate", lambda record, score, card: "passed" if card.gate.passed else "failed"),
        ("test windows", lambda record, score, card: f"{score.windows:,}"),
        ("loss", lambda record, score, card: f"{score.loss:.4f}"),
        ("loss / best baseline", lambda record, score, card: _ratio(score, _best(card.scores, record.network))),
        ("MAE", lambda record, score, card: _number(score.mae)),
        ("coverage", lambda record, score, card: _number(score.coverage)),
        ("width", lambda record, score, card: _number(score.width)),
        ("Brier", lambda record, score, card: _number(score.brier)),
        ("data until", lambda record, score, card: _moment(card.until_ns)),
    ):
        table.add_row(name, *("-" if score is None else of(record, score, card) for record, score, card in pairs))
    if found.same_data:
        return table
    return Group(table, Text("judged on different data: compare their ratios to the best baseline", style="yellow"))


def _ours(scores: Sequence[Score], network: str) -> Score | None:
    """The network's own score over all folds, else its last."""
    return min((score for score in scores if score.forecaster == network), key=lambda score: score.fold, default=None)


def _best(scores: Sequence[Score], network: str) -> Score | None:
    ours = _ours(scores, network)
    others = (score for score in scores if score.forecaster != network and ours and score.fold == ours.fold)
    return min(others, key=lambda score: score.loss, default=None)


def _ratio(ours: Score, best: Score | None) -> str:
    return "-" if best is None else f"{ours.loss / best.loss:.3f} of {best.forecaster}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _moment(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S}Z"


def _table(*columns: str, header: bool = True) -> Table:
    table = Table(box=None, pad_edge=False, show_header=header)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
