"""The watch's loop: look, send, keep, sleep."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

from loguru import logger

from trifecta.clock import NS_PER_S, Clock
from trifecta.ops.alerts import facts, watch
from trifecta.ops.alerts.rules import Severity
from trifecta.ops.alerts.sending import Sender
from trifecta.ops.alerts.watch import Message, Watch
from trifecta.settings import Market, Settings
from warehouse.ledger import Ledger

FIRST_RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
SUMMARY_BOUND_S = 120.0


class Running:
    """Watches one system until `stop` is set."""

    def __init__(self, settings: Settings, clock: Clock, sender: Sender) -> None:
        self._settings, self._clock, self._sender = settings, clock, sender
        simulated = settings.market is not Market.LIVE
        self._watch = Watch(settings.alerts, watch.load(settings.run_dir), simulated=simulated)
        self._ledger = Ledger(settings.ledger)
        self._retry_s, self._next_s = FIRST_RETRY_S, 0.0

    def run(self, stop: threading.Event) -> None:
        """Looks every `alerts.poll_s`."""
        with closing(self):
            while not stop.is_set():
                self.tick()
                stop.wait(self._settings.alerts.poll_s)

    def close(self) -> None:
        """Lets go of the ledger."""
        self._ledger.close()

    def tick(self) -> None:
        """One look, and what follows from it."""
        self._watch.look(facts.read(self._settings, self._clock, self._ledger))
        self._sum_up()
        self._send()
        watch.save(self._settings.run_dir, self._watch.state)

    def _send(self) -> None:
        """Sends what is due. An address that takes nothing is tried again, later each time; what waits is kept."""
        if self._clock.monotonic_s() < self._next_s:
            return
        for message in self._watch.due(self._clock.now_ns()):
            if not self._sender.send(message):
                self._next_s = self._clock.monotonic_s() + self._retry_s
                self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
                return
            self._watch.sent(message)
            self._retry_s = FIRST_RETRY_S

    def _sum_up(self) -> None:
        """Lets yesterday's summary wait to be sent, once a day."""
        now_ns, at = self._clock.now_ns(), self._settings.alerts.summary_at
        now = datetime.fromtimestamp(now_ns / NS_PER_S, UTC)
        day = (now - timedelta(days=1)).date().isoformat()
        if not at or watch.time_of_day(now_ns) < at or self._watch.state.summed_up >= day:
            return
        first = not self._watch.state.summed_up
        self._watch.state.summed_up = day
        if not first:  # a system that was set up today has no yesterday
            self._watch.add(Message(f"Trifecta on {day}", _summary(day), Severity.WARNING, "summary", now_ns))


def _summary(day: str) -> str:
    """Made by a process of its own: DuckDB and Delta take 100 MB that a watch needs once a day."""
    command = [sys.executable, "-m", "trifecta", "alerts", "summary", "--day", day]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SUMMARY_BOUND_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        logger.error("no summary of {}: {}", day, error)
        return f"The summary could not be made ({type(error).__name__}); the log of the alerts says why."
    return done.stdout.strip()


def trial(clock: Clock) -> Message:
    """What `trifecta alerts test` sends."""
    body = "Alerts of Trifecta arrive here. Nothing is wrong."
    return Message("[test] Trifecta", body, Severity.WARNING, "test", clock.now_ns())
