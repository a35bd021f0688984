"""How the benchmarks measure: rounds that take turns, and ratios within a round.

A machine that does other work slows everything down alike, so what is compared runs turn by turn, each round gives
one ratio, and the median of them counts. Seconds are those of the processor that a process used, not of the wall, so
that a neighbour's turn on the core is not counted; where the answer itself is a span of time, the wall's are.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple


class Verdict(NamedTuple):
    """One thing that must hold, as it was measured."""

    name: str
    value: float | None  # None: it could not be measured, and `note` says why
    unit: str
    target: float
    at_least: bool = True
    note: str = ""

    @property
    def holds(self) -> bool:
        if self.value is None:
            return False
        return bool(self.value >= self.target if self.at_least else self.value <= self.target)


Seconds = dict[str, list[float]]


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of processor time that `work` takes, all threads of this process together."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def race(contestants: Mapping[str, Callable[[], float]], rounds: int) -> Seconds:
    """Seconds of each contestant in each round, one after the other; a first round warms up and is not counted.

    Args:
        contestants: each runs once and returns the seconds it took.
    """
    took: Seconds = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            seconds = run()
            if turn:
                took[name].append(seconds)
    return took


def times_faster(took: Seconds, ours: str, peer: str) -> float:
    """How many times faster `ours` was than `peer`: the median over rounds."""
    return statistics.median(theirs / our for our, theirs in zip(took[ours], took[peer], strict=True))


def rate(took: Seconds, name: str, count: float) -> float:
    """Things a second, in the median round."""
    return count / statistics.median(took[name])


def one_core() -> None:
    """Keeps this process, and those it starts, on one core where the system lets it choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run(bench: str, *, quick: bool, **more: float) -> list[Verdict]:
    """What the benchmark of that name measures."""
    found: list[Verdict] = import_module(f"tests.bench.{bench}").measure(quick=quick, **more)
    return found
