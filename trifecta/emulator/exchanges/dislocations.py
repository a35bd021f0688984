"""When an exchange strays from the fair price: injected, rare, and written down, so that finding it can be judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec

FILE = "dislocations.jsonl"
LONGEST_S = 20.0
SHORTEST_S = 4.0
RAMP_MS = 300  # how long the price takes to stray, and to come back


@dataclass(frozen=True, slots=True)
class Dislocation:
    """`exchange` quotes `symbol` away from the fair price by `bps` between two times (ms)."""

    exchange: str
    symbol: str
    start_ms: int
    end_ms: int
    bps: float

    def at(self, now_ms: int) -> float:
        """How far it has strayed, as a fraction."""
        inside = min(now_ms - self.start_ms, self.end_ms - now_ms)
        return self.bps / 1e4 * min(max(inside / RAMP_MS, 0.0), 1.0)


class Dislocations:
    """Those that act, and the record of all in `<folder>/dislocations.jsonl`, each written before it begins."""

    def __init__(self, folder: Path, per_hour: float, seed: int) -> None:
        self.per_hour = per_hour
        self._path = folder / FILE
        self._random = Random(f"{seed} dislocations")  # noqa: S311 - a market, not a secret
        self._acting: list[Dislocation] = []

    def draw(self, dt_s: float, now_ms: int, listed: list[tuple[str, str, float]]) -> None:
        """Begins one at times; `listed` are exchange, symbol and the taker's fee there as a fraction."""
        if not listed or self._random.random() >= self.per_hour * dt_s / 3600:
            return
        exchange, symbol, fee = self._random.choice(listed)
        if any(acting.symbol == symbol for acting in self._acting):
            return
        # Wide enough to pay the fees of both sides, and more.
        bps = (2 * fee + self._random.uniform(0.006, 0.012)) * 1e4 * self._random.choice((-1, 1))
        lasts_ms = round(1000 * self._random.uniform(SHORTEST_S, LONGEST_S))
        self.begin(Dislocation(exchange, symbol, now_ms, now_ms + lasts_ms, round(bps, 2)))

    def begin(self, dislocation: Dislocation) -> None:
        """Writes it down and lets it act."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(dislocation) + b"\n")
        self._acting.append(dislocation)

    def stray(self, exchange: str, symbol: str, now_ms: int) -> float:
        """How far an exchange's price of a symbol is off now, as a fraction."""
        return sum(d.at(now_ms) for d in self._acting if (d.exchange, d.symbol) == (exchange, symbol))

    def forget(self, now_ms: int) -> None:
        self._acting = [acting for acting in self._acting if acting.end_ms > now_ms]


def read(folder: Path) -> list[Dislocation]:
    """Every dislocation that the emulator in `folder` injected, oldest first."""
    path = folder / FILE
    lines: Iterable[bytes] = path.read_bytes().splitlines() if path.exists() else ()
    return [msgspec.json.decode(line, type=Dislocation) for line in lines]
