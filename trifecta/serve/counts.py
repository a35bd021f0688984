"""What happened since the sidecar started, in plain numbers."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

LATENCY_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


@dataclass
class Latency:
    """How many requests took how long; the last bucket holds those above every bound."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))
    total_s: float = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(LATENCY_BOUNDS_S, seconds)] += 1
        self.total_s += seconds


@dataclass
class Counts:
    """Counters and the latency of everything that was not answered from prepared bytes."""

    seconds: int = 0
    ignored: int = 0
    forecasts: int = 0
    refits: int = 0
    saved: int = 0
    save_failures: int = 0
    polls: int = 0
    prepared_hits: int = 0
    requests: dict[tuple[str, int], int] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)
