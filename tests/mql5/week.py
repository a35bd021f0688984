"""A recorded week of XAUUSD, traded by Box-EA in the simulated terminal; prints its trades and its equity.

    python -m tests.mql5.week FOLDER_OF_RECORDED_DATA [InpName=value …]

Fills are SIMULATED. Of Sunday every tick that OANDA sent is played, of the other days each minute's open, low, high and
close of bid and ask, in the order that its direction suggests.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mql5.build import Built
from tests.mql5.programs import PROGRAMS
from tests.mql5.recorded_gold import (
    MINUTE_QUOTES,
    TIMEFRAMES_S,
    Bar,
    Quote,
    grouped,
    oanda_minutes,
    oanda_ticks,
    write_history,
)
from tests.mql5.terminal import terminal

SUNDAY = "20140504"
FIRST_DAY_MS = 1_399_161_600_000  # Sunday 2014-05-04
LEAST_SPREAD = 0.01
# The original's distances are for wider days than those of 2014
INPUTS = {
    "UseSidecar": "false", "Push": "false", "NightDistance": "200", "DayDistance": "300", "EveningDistance": "300",
    "OtherDistance": "200", "Stop": "300", "Take": "400", "DailyLossPercent": "1", "MaxDrawdownPercent": "3",
    "MaxOrdersADay": "12", "MaxLots": "0.5", "PauseS": "300",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deal:
    """A line of the account's history."""

    day: str
    entry: bool
    volume: float
    money: float


def week(recorded: Path) -> Iterator[Quote]:
    """The quotes of the week, rounded to the cent, oldest first."""
    gold = recorded / "fx_lean" / "cfd" / "oanda"
    ticked = {file.name[:8]: file for file in (gold / "tick" / "xauusd").glob("*_quote.zip")}
    if SUNDAY not in ticked:
        raise SystemExit(
            f"{gold / 'tick' / 'xauusd'} holds no {SUNDAY}_quote.zip: name the folder of recorded data, the one with "
            "fx_lean/ in it"
        )
    sunday = [*oanda_ticks(ticked[SUNDAY])]
    yield from map(_rounded, sunday)
    for time_ms, prices in oanda_minutes(gold / "minute" / "xauusd"):
        if time_ms <= max(FIRST_DAY_MS, sunday[-1].time_ms):
            continue
        yield from map(_rounded, _quotes(time_ms, prices))


def _quotes(time_ms: int, prices: list[float]) -> Iterator[Quote]:
    rising = prices[3] >= prices[0]
    order = (0, 2, 1, 3) if rising else (0, 1, 2, 3)
    for offset_ms, at in zip(MINUTE_QUOTES, order, strict=True):
        yield Quote(time_ms + offset_ms, prices[at], prices[at + 4])


def _rounded(quote: Quote) -> Quote:
    bid = round(quote.bid, 2)
    return Quote(quote.time_ms, bid, max(round(quote.ask, 2), round(bid + LEAST_SPREAD, 2)))


def _history(recorded: Path) -> dict[int, list[Bar]]:
    """The bars before the week."""
    minutes = oanda_minutes(recorded / "fx_lean" / "cfd" / "oanda" / "minute" / "xauusd")
    before = [Bar(time_ms // 1000, *prices[:4]) for time_ms, prices in minutes if time_ms < FIRST_DAY_MS]
    return {seconds: grouped(before, seconds) for seconds in TIMEFRAMES_S}


def play(built: Built, recorded: Path, folder: Path, commands: tuple[str, ...] = (), **inputs: object) -> list[str]:
    """What the run prints: a line a deal, a line an hour of equity, and how it ended."""
    ticks, history = folder / "ticks.csv", folder / "bars.csv"
    ticks.write_text("".join(f"{time_ms},{bid},{ask}\n" for time_ms, bid, ask in week(recorded)))
    write_history(history, _history(recorded))
    with terminal(built) as ea:
        for command in (f"history {history}", "broker commission 3", "broker swap_long -2", *commands):
            ea.tell(command)
        if ea.start(**(INPUTS | inputs)) != 0:
            raise ValueError(f"the expert refuses its inputs: {ea.printed()}")
        return ea.tell(f"play {ticks}")


def deals(lines: list[str]) -> list[Deal]:
    """The deals of a run."""
    found = []
    for line in lines:
        words = line.split()
        if words[0] == "deal":
            money = sum(float(words[words.index(name) + 1]) for name in ("profit", "swap", "commission"))
            found.append(Deal(words[1], words[4] == "in", float(words[5]), money))
    return found


def main(arguments: list[str]) -> None:
    if not arguments:
        raise SystemExit(__doc__)
    inputs = dict(argument.removeprefix("Inp").split("=", 1) for argument in arguments[1:])
    with tempfile.TemporaryDirectory() as folder:
        print(*play(PROGRAMS["expert"].built(), Path(arguments[0]), Path(folder), **inputs), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
