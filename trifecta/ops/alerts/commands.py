"""What `trifecta alerts` does."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from trifecta.clock import NS_PER_S, Clock, SystemClock
from trifecta.errors import SettingsError, TrifectaError
from trifecta.ops import parts, processes
from trifecta.ops.alerts import facts, watch
from trifecta.ops.alerts.rules import RULES
from trifecta.settings import Settings
from warehouse.ledger import Ledger

if TYPE_CHECKING:
    from trifecta.ops.alerts.sending import Sender


class NoSuchDayError(TrifectaError):
    """What was given is no day."""


@dataclass(frozen=True)
class Told:
    """One rule, for people."""

    rule: str
    severity: str
    meaning: str
    remedy: str


def watch_until_stopped(settings: Settings) -> None:
    """Watches until SIGINT or SIGTERM."""
    from trifecta.ops.alerts.running import Running  # noqa: PLC0415 - Apprise takes half a second, `rules` needs none

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    Running(settings, SystemClock(), _sender(settings)).run(stop)


def send_test(settings: Settings) -> bool:
    """Whether every address took a test message."""
    from trifecta.ops.alerts.running import trial  # noqa: PLC0415

    return _sender(settings).send(trial(SystemClock()))


def _sender(settings: Settings) -> Sender:
    from trifecta.ops.alerts.sending import Sender  # noqa: PLC0415

    if not settings.alerts.urls:
        raise SettingsError(
            "alerts.urls is empty, so nobody can be told: set TRIFECTA_ALERTS__URLS in .env, "
            'for example ["tgram://token/chat"]'
        )
    return Sender(settings.alerts.urls)


def listed(settings: Settings) -> list[watch.Active]:
    """What is wrong now: as the watch last saw it, or, where none runs, by a look of our own."""
    state = watch.load(settings.run_dir)
    if parts.ALERTS in processes.living(settings.run_dir):
        return state.active
    looking = watch.Watch(settings.alerts, state)
    with Ledger(settings.ledger) as ledger:
        looking.look(facts.read(settings, SystemClock(), ledger))
    return looking.state.active


def of_list(found: list[watch.Active]) -> RenderableType:
    if not found:
        return Text("nothing is wrong")
    table = Table(box=None, pad_edge=False)
    for column in ("rule", "about", "since, UTC", "told", "what"):
        table.add_column(column)
    for one in found:
        since = datetime.fromtimestamp(one.since_ns / NS_PER_S, UTC).strftime("%b %d %H:%M:%S")
        table.add_row(one.rule, one.subject, since, "yes" if one.told else "not yet", one.text)
    return table


def rules() -> list[Told]:
    """Every rule there is."""
    return [Told(rule.name, rule.severity.value, rule.meaning, rule.remedy) for rule in RULES]


def of_rules(found: list[Told]) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_lines=True)
    for column in ("rule", "severity", "what it means", "what to do"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.rule, one.severity, one.meaning, one.remedy)
    return table


def summary(settings: Settings, day: str, clock: Clock) -> str:
    """The summary of `day`, or of yesterday."""
    from trifecta.ops.alerts.summary import of_day  # noqa: PLC0415 - it opens the lake

    try:
        chosen = date.fromisoformat(day) if day else _today(clock) - timedelta(days=1)
    except ValueError as error:
        raise NoSuchDayError(f"--day {day!r} is no day: expected a form like 2026-03-01") from error
    return of_day(settings, chosen)


def _today(clock: Clock) -> date:
    return datetime.fromtimestamp(clock.now_ns() / NS_PER_S, UTC).date()
