"""The whole way of a recording: gz, lines, events, book, features, rows, committed to Delta, on one core."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from tests.bench.decoding import decode_typed
from tests.bench.measure import Verdict, cpu_s, one_core
from tests.bench.recorded import spot_files, spot_frames
from trifecta.capture import replay as replaying
from trifecta.capture.replay import ReplaySummary, replay
from trifecta.clock import SystemClock
from warehouse.lake import Lake

TARGET = 200_000
# What the parts are called in the note, and where a replay passes through them.
PARTS: tuple[tuple[str, Any, str], ...] = (
    ("derive", replaying.Pipeline, "process"),
    ("rows", replaying.Pipeline, "take"),
    ("commit", Lake, "append"),
)


def measure(*, quick: bool) -> list[Verdict]:
    one_core()
    batches, _ = spot_frames()
    payloads = [payload for batch in batches for payload in batch.payloads if payload.startswith(b'{"stream"')]
    rates, alone, parts, summary = [], [], Counter[str](), None
    for turn in range(4 if quick else 8):
        alone.append(len(payloads) / cpu_s(lambda: decode_typed(payloads)))
        seconds, summary, took = _replay_once()
        if turn:  # the first one compiles
            rates.append(summary.frames / seconds)
            parts.update(took)
            parts["all"] += seconds
    assert summary is not None
    if (summary.frames, summary.book_checks, summary.book_mismatches) != (99_574, 1_072, 0):
        raise SystemExit(f"the replay is not what it should be: {summary}")
    shares = ", ".join(f"{name} {parts[name] / parts['all']:.0%}" for name, _, _ in PARTS)
    fastest = f"fastest {max(rates):,.0f}, msgspec alone {statistics.median(alone):,.0f} msg/s"
    note = (
        f"{fastest}; of it {shares}, reading and the rest {1 - sum(parts[n] for n, _, _ in PARTS) / parts['all']:.0%}"
    )
    return [Verdict("replay, gz to committed", statistics.median(rates), "msg/s", TARGET, note=note)]


def _replay_once() -> tuple[float, ReplaySummary, Counter[str]]:
    """(processor seconds, summary, seconds of each part) of a replay into a fresh lake."""
    took: Counter[str] = Counter()

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return call(*arguments, **named)
            finally:
                took[name] += time.process_time() - began

        return run

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        lake = Lake(folder)
        lake.create_all()
        for name, owner, attribute in PARTS:
            stack.enter_context(patch.object(owner, attribute, timed(name, getattr(owner, attribute))))
        found: list[ReplaySummary] = []
        seconds = cpu_s(lambda: found.append(replay(spot_files(), lake=lake, clock=SystemClock())))
    return seconds, found[0], took
