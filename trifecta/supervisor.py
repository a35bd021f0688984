"""`trifecta up`: the whole system as one process and its children.

The market, the recorder and the sidecar start first, the rest once a range is served or after a short while. What dies
is started again, later each time. Recording never waits for its scheduler: a plain child records until the ingest flow
takes over, and again when that is gone.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import zmq
from rich.console import Console
from rich.live import Live

from trifecta import bus
from trifecta.clock import Clock, SystemClock
from trifecta.errors import PermanentError, TrifectaError
from trifecta.ops import display, parts, ports, prefect_profile, probe, processes, reach
from trifecta.ops.always import Always
from trifecta.ops.child import Child, State
from trifecta.ops.display import View
from trifecta.ops.feeds import feeds
from trifecta.settings import Market, Settings
from trifecta.trade.gateways import live

NAME = processes.SUPERVISOR
PROBLEM = 1
INGEST_GRACE_S = 30.0
"""How long Prefect has to run a recorder that died again before a plain child records."""
OVERLAP_S = 5.0
"""How long two recorders hear the same before the plain child is ended, so that nothing is missing between them."""
HEARING_BOUND_S = 120.0
"""How long the plain child waits for an ingest flow that does not come to hear every venue; one may be away."""
EMULATOR_LATEST_S = 20.0
LATEST_S = {parts.TRADER: 15.0, parts.KEEPER: 15.0, parts.SERVER: 15.0, parts.WORKER: 15.0, parts.BOARD: 30.0}
"""These wait for the first range, which needs the processor more, but no longer than this."""
RANGE_EVERY_S = 1.0
LOGS_EVERY_S = 60.0
"""How often logs are looked at that may have grown."""
TICK_S = 0.2
RECORDER_GRACE_S = 15.0
GRACE_S = 8.0
DOWN_BOUND_S = 45.0
LEAN_ON_NOTHING = {parts.SIDECAR, parts.TRADER, parts.BOARD, parts.ALERTS}
"""These end while the recorder does."""


class System:
    """Everything that `trifecta up` runs, until `stop` is set."""

    def __init__(
        self,
        settings: Settings,
        wish: parts.Wish,
        clock: Clock,
        *,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._say = say
        self._began_s = self._ranged_s = self._logs_s = clock.monotonic_s()
        chosen, self.warnings = parts.of_system(settings, wish)
        self._children = {part.name: self._child(part) for part in chosen}
        self._recorder = self._child(parts.recorder(settings))
        self._always = Always(settings, clock, self._report)
        self._ingest_seen_s = -math.inf
        self._ingest_since_s = self._hearing_since_s = math.inf
        self._range: dict[str, Any] | None = None
        self._reason = "the sidecar is starting"
        self.served = False

    def run(self, show: Callable[[View], None], *, for_s: float | None = None) -> None:
        """Runs the parts until `stop` is set, `trifecta down` asks, or `for_s` seconds passed; then ends them all."""
        run_dir = self._settings.run_dir
        request = run_dir / "stop"
        request.unlink(missing_ok=True)
        for warning in self.warnings:
            self._report(f"warning: {warning}")
        with (
            processes.recorded(run_dir, NAME, os.getpid()),
            processes.of_market(run_dir, self._settings.market),
            forwarder(self._settings.bus_address, self._report),
        ):
            try:
                while not (self._stop.wait(TICK_S) or request.exists() or self._over(for_s)):
                    self.tend()
                    show(self._view())
            finally:
                self._report("stopping")
                end_all(self._settings)
                request.unlink(missing_ok=True)
                self._report("stopped")

    @property
    def elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._began_s

    def _over(self, for_s: float | None) -> bool:
        return for_s is not None and self.elapsed_s >= for_s

    def tend(self) -> None:
        for child in list(self._children.values()):
            if self.served or self.elapsed_s >= LATEST_S.get(child.part.name, 0.0):
                child.tend()
        self._keep_recording()
        self._always.tend(ready=self._works())
        self._read_range()
        self._turn_logs_over()

    def _keep_recording(self) -> None:
        """Records by a plain child whenever no flow run does: while Prefect starts, and when it has gone for good."""
        now = self._clock.monotonic_s()
        if parts.ingest_lives(self._settings):
            self._ingest_seen_s = now
            self._ingest_since_s = min(self._ingest_since_s, now)
            if self._recorder.process is not None and self._ingest_may_take_over(now):
                self._report("the ingest flow takes over recording")
                self._recorder.end(RECORDER_GRACE_S)
            return
        self._ingest_since_s = self._hearing_since_s = math.inf
        if now >= self._ingest_seen_s + INGEST_GRACE_S and (self._market_is_there() or self._recorder.state.alive):
            self._recorder.tend()

    def _ingest_may_take_over(self, now: float) -> bool:
        """Once it hears what the plain child hears: an end before that would leave a hole that no book is told of."""
        if self._hearing_since_s == math.inf and parts.ingest_hears(self._settings):
            self._hearing_since_s = now
        return now >= min(self._hearing_since_s + OVERLAP_S, self._ingest_since_s + HEARING_BOUND_S)

    def _works(self) -> bool:
        """Whether somebody runs flows."""
        worker = self._children.get(parts.WORKER)
        return worker is not None and worker.state is State.READY

    def _market_is_there(self) -> bool:
        emulator = self._children.get(parts.EMULATOR)
        return emulator is None or emulator.state is State.READY or self.elapsed_s > EMULATOR_LATEST_S

    def _read_range(self) -> None:
        if self._clock.monotonic_s() - self._ranged_s < RANGE_EVERY_S:
            return
        self._ranged_s = self._clock.monotonic_s()
        answer = parts.ask_sidecar(self._settings, "/market-range/simple")
        content = _object(answer)
        self._range = content if answer is not None and answer.ok else None
        self._reason = str(content.get("reason", "the sidecar does not answer"))
        if self._range is not None and not self.served:
            self.served = True
            self._report(f"range served: {json.dumps(self._range)}")

    def _turn_logs_over(self) -> None:
        if self._clock.monotonic_s() - self._logs_s >= LOGS_EVERY_S:
            self._logs_s = self._clock.monotonic_s()
            for log in sorted((self._settings.run_dir / "logs").glob("*.log")):
                if log.suffixes == [".log"]:  # and none that was set aside
                    processes.turn_over(log)

    def _view(self) -> View:
        recorder = () if self._recorder.state is State.ENDED else (self._recorder,)
        children = (*recorder, *self._children.values())
        return View(self.elapsed_s, children, tuple(self.warnings), self._range, self._reason)

    def _child(self, part: parts.Part) -> Child:
        return Child(part, self._settings.run_dir, self._clock, ask=self._ask, report=self._report)

    def _ask(self, url: str) -> probe.Answer | None:
        sidecar = parts.api_url(self._settings)
        if url.startswith(sidecar):
            return parts.ask_sidecar(self._settings, url.removeprefix(sidecar))
        return probe.get(url, certificate=self._settings.api_tls_cert)

    def _report(self, line: str) -> None:
        self._say(f"[{self.elapsed_s:6.1f} s] {line}")


def prepare(settings: Settings, wish: parts.Wish) -> list[str]:
    """Checks what live trading needs, ends what an earlier run left behind, checks every port; what was ended.

    Raises:
        PermanentError: the system already runs on this data folder.
        SettingsError: a condition of live trading is missing, a symbol has no market, or a port is in use; names the
            setting.
    """
    live.check(settings)
    parts.require_generated(settings)
    running = processes.living(settings.run_dir)
    if NAME in running:
        raise PermanentError(
            f"Trifecta already runs on {settings.data_dir} (process {running[NAME].pid}): "
            "`trifecta status` shows it, `trifecta down` stops it"
        )
    end_all(settings)
    ports.require_free(
        ports.wanted(
            settings,
            emulator=settings.market is not Market.LIVE,
            prefect=wish.prefect and parts.installed("prefect"),
            dashboard=wish.dashboard and parts.installed("streamlit"),
        )
    )
    if wish.prefect:
        prefect_profile.write(settings)
    return sorted(running)


def end_all(settings: Settings) -> None:
    """Ends every recorded process but the supervisor.

    The worker, which runs the recorder, waits until that has committed what it holds, and the server for its worker.
    """
    running = processes.living(settings.run_dir)
    running.pop(NAME, None)
    recorders = [running.pop(name) for name in list(running) if name.startswith((parts.INGEST, parts.RECORDER))]
    for name in LEAN_ON_NOTHING & running.keys():
        processes.ask_to_stop(running[name])
    processes.end(recorders, grace_s=RECORDER_GRACE_S)
    server = running.pop(parts.SERVER, None)
    processes.end(list(running.values()), grace_s=GRACE_S)
    if server is not None:
        processes.end([server], grace_s=GRACE_S)
    for path in settings.run_dir.glob("*.pid"):
        if path.stem != NAME:
            path.unlink(missing_ok=True)


def down(settings: Settings, clock: Clock) -> bool:
    """Stops the system that another terminal started; returns whether anything ran.

    A file asks the supervisor, which works the same on Windows; one that does not react is killed.
    """
    running = processes.living(settings.run_dir)
    supervisor = running.get(NAME)
    if supervisor is not None:
        (settings.run_dir / "stop").touch()
        end_s = clock.monotonic_s() + DOWN_BOUND_S
        while processes.find(settings.run_dir, NAME) is not None and clock.monotonic_s() < end_s:
            time.sleep(TICK_S)
        if processes.find(settings.run_dir, NAME) is not None:
            processes.end([supervisor], grace_s=GRACE_S)
    end_all(settings)
    return bool(running)


@contextmanager
def forwarder(address: str, report: Callable[[str], None]) -> Iterator[None]:
    """The bus's forwarder in a thread; nothing to do where another machine forwards."""
    if ports.local_bus_port(address) is None:
        yield
        return

    def forward() -> None:
        try:
            bus.forward(address)
        except TrifectaError as error:
            report(f"warning: {error}")

    thread = threading.Thread(target=forward, name="bus", daemon=True)
    thread.start()
    try:
        yield
    finally:
        zmq.Context.instance().term()
        thread.join()


def _object(answer: probe.Answer | None) -> dict[str, Any]:
    try:
        content = json.loads(answer.body) if answer is not None else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def run_in_terminal(settings: Settings, wish: parts.Wish, console: Console, *, for_s: float | None) -> int:
    """Runs the system in this terminal; 0 if a range was served, else 1."""
    clock = SystemClock()
    ended = prepare(settings, wish)
    log = settings.run_dir / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file, _live(console) as board:
        say = _speaker(console, file)
        for name in ended:
            say(f"ended {name} of an earlier run")
        system = System(settings, wish, clock, stop=_stop_on_signal(), say=say)
        simulated = settings.market is not Market.LIVE
        if simulated and not console.is_terminal:
            say("SIMULATED market: nothing here was traded anywhere")

        if not simulated:
            threading.Thread(target=_name_unreachable, args=(settings, say), daemon=True).start()

        def show(view: View) -> None:
            if console.is_terminal:
                board.update(display.live(view, feeds(settings, clock), simulated=simulated))

        system.run(show, for_s=for_s)
    return 0 if system.served else PROBLEM


def _name_unreachable(settings: Settings, say: Callable[[str], None]) -> None:
    """Says which venue cannot be reached and what to do; beside the start, which it must not delay."""
    for finding in reach.venues(settings, SystemClock()):
        if finding.verdict is not reach.Verdict.OK:
            say(f"WARNING: {finding.about}: {finding.found}; {finding.remedy}")


def _live(console: Console) -> Live:
    return Live(console=console, auto_refresh=console.is_terminal, refresh_per_second=4, transient=True)


def _speaker(console: Console, file: TextIO) -> Callable[[str], None]:
    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
        file.write(line + "\n")
        file.flush()

    return say


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    for number in numbers:
        signal.signal(number, lambda *_: stop.set())
    return stop
