"""One child process of the supervisor: started, watched, started again after it died."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psutil

from trifecta.clock import Clock
from trifecta.ops import probe, processes
from trifecta.ops.parts import Part

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0
"""A child that lived this long failed for a new reason: the delay starts again at the first."""
REPEATED = 3
PROBE_EVERY_S = 0.5


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DEAD = "dead"
    ENDED = "ended"

    @property
    def alive(self) -> bool:
        return self in (State.STARTING, State.READY)


Probe = Callable[[str], probe.Answer | None]


class Child:
    """Keeps `part` running until `stopped`."""

    def __init__(self, part: Part, run_dir: Path, clock: Clock, *, ask: Probe, report: Callable[[str], None]) -> None:
        self.part = part
        self.state = State.WAITING
        self.deaths = 0
        self.log = run_dir / "logs" / f"{part.name}.log"
        self._run_dir = run_dir
        self._clock = clock
        self._ask = ask
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = self._next_s = self._probed_s = clock.monotonic_s()

    @property
    def process(self) -> psutil.Process | None:
        return processes.find(self._run_dir, self.part.name)

    def tend(self) -> None:
        """Starts it when it is due, notices that it is ready or dead. Call this a few times a second."""
        now = self._clock.monotonic_s()
        if self._process is None:
            if now >= self._next_s:
                self._start(now)
        elif (code := self._process.poll()) is not None:
            self._bury(code, now)
        elif self.state is State.STARTING and now - self._probed_s >= PROBE_EVERY_S:
            self._probed_s = now
            if not self.part.probe or _serves(self._ask(self.part.probe)):
                self.state = State.READY
                says = "is ready" if self.part.probe else "runs"
                self._report(f"{self.part.name} {says} {self.part.url}".rstrip())

    def end(self, grace_s: float) -> None:
        """Ends it for now; `tend` starts it again."""
        if self.process is not None:
            processes.end([self.process], grace_s=grace_s)
        if self._process is not None:
            self._process.wait()
        self._process, self.state = None, State.ENDED
        self._next_s = self._clock.monotonic_s()
        processes.forget(self._run_dir, self.part.name)

    def _start(self, now: float) -> None:
        self._process = processes.start(self.part.command, log=self.log, env=self.part.environment)
        processes.remember(self._run_dir, self.part.name, self._process.pid)
        self._started_s, self.state = now, State.STARTING

    def _bury(self, code: int, now: float) -> None:
        self._process, self.state = None, State.DEAD
        processes.forget(self._run_dir, self.part.name)
        self.deaths = 1 if now - self._started_s >= STEADY_S else self.deaths + 1
        delay = min(FIRST_DELAY_S * 2 ** (self.deaths - 1), LONGEST_DELAY_S)
        self._next_s = now + delay
        self._report(f"{self.part.name} ended with code {code}; starts again in {delay:.0f} s, see {self.log}")
        if self.deaths % REPEATED == 0:
            for line in processes.last_lines(self.log):
                self._report(f"    {self.part.name} | {line}")


def _serves(answer: probe.Answer | None) -> bool:
    """A 503 is an answer too: the server runs and says why it has nothing to give yet."""
    return answer is not None and (answer.ok or answer.status == 503)
