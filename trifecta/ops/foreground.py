"""The running system in a terminal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.live import Live

from trifecta import supervisor
from trifecta.clock import SystemClock
from trifecta.ops import display, parts, reach
from trifecta.ops.feeds import feeds
from trifecta.settings import Market, Settings

PROBLEM = 1


def run(settings: Settings, wish: parts.Wish, console: Console, *, for_s: float | None) -> int:
    """Runs the system in this terminal; 0 if a range was served, else 1."""
    clock = SystemClock()
    ended = supervisor.prepare(settings, wish)
    log = settings.run_dir / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file, _live(console) as live:
        say = _speaker(console, file)
        for name in ended:
            say(f"ended {name} of an earlier run")
        system = supervisor.System(settings, wish, clock, stop=_stop_on_signal(), say=say)
        simulated = settings.market is not Market.LIVE
        if simulated and not console.is_terminal:
            say("SIMULATED market: nothing here was traded anywhere")

        if not simulated:
            threading.Thread(target=_name_unreachable, args=(settings, say), daemon=True).start()

        def show(view: supervisor.View) -> None:
            if console.is_terminal:
                live.update(display.live(view, feeds(settings, clock), simulated=simulated))

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
