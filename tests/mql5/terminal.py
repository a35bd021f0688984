"""The expert in its simulated terminal, driven from Python a line at a time."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.mql5.build import Built

ENDED_S = 20


@dataclass(slots=True)
class Terminal:
    """A running terminal."""

    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    def tell(self, command: str) -> list[str]:
        """The lines that answer a command."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer: list[str] = []
        for line in self.process.stdout:
            if line == ".\n":
                return answer
            answer.append(line.rstrip("\n"))
        raise AssertionError(f"the terminal ended at {command!r}: {self.process.communicate()[1][-3000:]}")

    def show(self) -> dict[str, str]:
        """What the expert does and sees, by name."""
        return dict(line.split(" ", 1) if " " in line else (line, "") for line in self.tell("show"))

    def printed(self) -> list[str]:
        """Everything that the expert has printed."""
        self.log += self.tell("log")
        return self.log

    def start(self, **inputs: object) -> int:
        """Sets inputs and starts the expert; returns what OnInit did."""
        for name, value in inputs.items():
            self.tell(f"set Inp{name} {str(value).lower() if isinstance(value, bool) else value}")
        return int(self.tell("start")[-1].removeprefix("started "))


@contextmanager
def terminal(built: Built) -> Iterator[Terminal]:
    """A terminal with XAUUSD at 2000 on its chart."""
    process = subprocess.Popen(
        [str(built.program), "--converse"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Terminal(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(ENDED_S)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
