"""A MetaTrader 5 terminal on this machine, asked for new ticks and closed bars through its Python package.

What it tells becomes the same batches that an Expert Advisor pushes (`market/mt5.py`), so one journal format, one
parser and one set of rows serve both. The package exists for Windows alone; anywhere else terminals push.
https://www.mql5.com/en/docs/python_metatrader5
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import VenueError
from trifecta.market.mt5 import MAX_OFFSET_S, MAX_ROWS

MAJORS = ("EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD")
SYMBOLS = (*MAJORS, "XAUUSD")
TIMEFRAMES = {"M1": 1, "M15": 15}
HISTORY_BARS = 150  # of each timeframe at the start: more than a scanner's window
RECENT_BARS = 5
FIRST_TICKS_S = 60
OVERLAP_S = 2  # the terminal may still add ticks to a second it told before
OFFSET_STEP_S = 900
OFFSET_SLACK_S = 120.0  # age of the newest tick up to which it tells the server's zone

Row = list[Any]


def native() -> Any | None:
    """The package MetaTrader5, or None where it is not installed."""
    try:
        return import_module("MetaTrader5")
    except ImportError:
        return None


class TerminalReader:
    """Asks one terminal. All calls block for some milliseconds and belong to one thread."""

    def __init__(self, api: Any, symbols: Sequence[str], clock: Clock) -> None:
        """
        Args:
            api: the package, or what has its functions.
        """
        self.source = ""
        self.symbols: dict[str, dict[str, float]] = {}
        self.missing: list[str] = []
        self.offset_s: int | None = None
        self._api = api
        self._wanted = symbols
        self._clock = clock
        self._session = secrets.token_hex(8)
        self._sequence = 0
        self._last_tick: dict[str, tuple[int, set[tuple[float, float]]]] = {}
        self._last_bar: dict[tuple[str, str], int] = {}

    def connect(self, **login: Any) -> None:
        """Connects to the terminal and chooses the symbols; one that the broker does not have is left out.

        Raises:
            VenueError: there is no terminal, no account, or none of the symbols.
        """
        if not self._api.initialize(**login):
            raise VenueError(f"MetaTrader 5 does not answer {self._api.last_error()}: start the terminal and log in")
        account = self._api.account_info()
        if account is None:
            raise VenueError(f"MetaTrader 5 has no account {self._api.last_error()}: log in to one")
        self.source = account.server
        for symbol in self._wanted:
            info = self._api.symbol_info(symbol) if self._api.symbol_select(symbol, True) else None
            if info is None:
                self.missing.append(symbol)
            else:
                self.symbols[symbol] = {"digits": info.digits, "point": info.point}
        if not self.symbols:
            raise VenueError(f"MetaTrader 5 at {self.source} has none of {', '.join(self._wanted)}: set mt5.symbols")

    def poll(self) -> list[bytes]:
        """What is new since the last call, as batches; nothing until a tick told the server's zone.

        Raises:
            VenueError: the terminal does not answer.
        """
        if self.offset_s is None:
            self.offset_s = self._measure_offset()
        if self.offset_s is None:
            return []
        ticks = [row for symbol in self.symbols for row in self._new_ticks(symbol, self.offset_s)]
        bars = [row for symbol in self.symbols for name in TIMEFRAMES for row in self._new_bars(symbol, name)]
        return [*self._batches("ticks", ticks), *self._batches("bars", bars)]

    def _measure_offset(self) -> int | None:
        """Seconds that the server's clock is ahead of UTC, from a tick that has just come; None without one."""
        found = [self._api.symbol_info_tick(symbol) for symbol in self.symbols]
        newest_s = max((tick.time_msc / 1000 for tick in found if tick is not None), default=0.0)
        ahead_s = newest_s - self._clock.now_ns() / NS_PER_S
        rounded = round(ahead_s / OFFSET_STEP_S) * OFFSET_STEP_S
        return rounded if abs(ahead_s - rounded) <= OFFSET_SLACK_S and abs(rounded) <= MAX_OFFSET_S else None

    def _new_ticks(self, symbol: str, offset_s: int) -> list[Row]:
        now_s = self._clock.now_ns() // NS_PER_S + offset_s
        last_ms, told = self._last_tick.get(symbol, ((now_s - FIRST_TICKS_S) * 1000, set()))
        # Whole seconds: the package takes no finer ones. The end lies ahead, because two clocks never agree.
        found = self._api.copy_ticks_range(symbol, last_ms // 1000 - OVERLAP_S, now_s + 3600, self._api.COPY_TICKS_INFO)
        rows = []
        for tick in self._answered(found, f"ticks of {symbol}"):
            stamp, pair = int(tick["time_msc"]), (float(tick["bid"]), float(tick["ask"]))
            if stamp > last_ms:
                last_ms, told = stamp, set()
            elif stamp < last_ms or pair in told:
                continue
            told.add(pair)
            rows.append([symbol, stamp, *pair, float(tick["last"]), float(tick["volume_real"]), int(tick["flags"])])
        self._last_tick[symbol] = last_ms, told
        return rows

    def _new_bars(self, symbol: str, timeframe: str) -> list[Row]:
        last_s = self._last_bar.get((symbol, timeframe), -1)
        count = HISTORY_BARS if last_s < 0 else RECENT_BARS
        found = self._api.copy_rates_from_pos(symbol, TIMEFRAMES[timeframe], 1, count)  # bar 0 is still open
        new = [bar for bar in self._answered(found, f"bars of {symbol}") if int(bar["time"]) > last_s]
        if len(new) == RECENT_BARS and last_s >= 0:  # there may be more: the terminal was away
            new = self._bars_since(symbol, timeframe, last_s)
        if new:
            self._last_bar[symbol, timeframe] = int(new[-1]["time"])
        return [
            [symbol, timeframe, int(bar["time"]), *(float(bar[name]) for name in ("open", "high", "low", "close")),
             int(bar["tick_volume"]), int(bar["spread"]), int(bar["real_volume"])]
            for bar in new
        ]  # fmt: skip

    def _bars_since(self, symbol: str, timeframe: str, last_s: int) -> list[np.void]:
        newest = self._answered(self._api.copy_rates_from_pos(symbol, TIMEFRAMES[timeframe], 1, 1), f"bars of {symbol}")
        until_s = int(newest[-1]["time"])
        found = self._api.copy_rates_range(symbol, TIMEFRAMES[timeframe], last_s + 1, until_s)
        return list(self._answered(found, f"bars of {symbol}"))

    def _answered(self, found: npt.NDArray[np.void] | None, what: str) -> npt.NDArray[np.void]:
        if found is None:
            raise VenueError(f"MetaTrader 5 at {self.source} gave no {what}: {self._api.last_error()}")
        return found

    def _batches(self, kind: str, rows: list[Row]) -> list[bytes]:
        made = []
        for start in range(0, len(rows), MAX_ROWS):
            part = rows[start : start + MAX_ROWS]
            self._sequence += 1
            names = {row[0] for row in part}
            head = {
                "source": self.source,
                "session": self._session,
                "sequence": self._sequence,
                "server_utc_offset_s": self.offset_s,
                "dropped": 0,
                "symbols": {name: described for name, described in self.symbols.items() if name in names},
            }
            made.append(msgspec.json.encode({**head, kind: part}))
        return made
