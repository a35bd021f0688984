"""A stand-in for the Python package MetaTrader5, which exists for Windows alone. SIMULATED.

An object of `MetaTrader5` has the package's functions, constants, arrays and ways to fail: None or False, and
`last_error()`. Its terminal trades the market it was given; times are its server's clock dressed as UTC. Its server's
name begins with `SIM-`, so whatever comes from it stands under a `sim_` venue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from trifecta.emulator import mt5_types
from trifecta.emulator.mt5_account import LEVERAGE, Account
from trifecta.emulator.mt5_market import ForexSymbol, Market, longer_bars
from trifecta.emulator.mt5_trading import FILLING_MODE, LOT_STEP, MAX_LOT, MIN_LOT, STOPS_LEVEL, Desk
from trifecta.emulator.mt5_types import (
    RATES,
    RES_E_FAIL,
    RES_E_INTERNAL_FAIL_CONNECT,
    RES_E_INTERNAL_FAIL_TIMEOUT,
    RES_E_INVALID_PARAMS,
    RES_E_NOT_FOUND,
    RES_S_OK,
    TICKS,
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

SERVER = "SIM-Trifecta"
SERVER_OFFSET_S = 10_800
BALANCE = 10_000.0
_MINUTES = {1: 1, 5: 5, 15: 15, 30: 30, 16385: 60, 16388: 240, 16408: 1440}
_LOGIN = 5_000_001
Array = npt.NDArray[np.void]


class MetaTrader5:
    """The package's functions over one market. Each call first lets the market go on to now."""

    def __init__(
        self, market: Market, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000, *,
        offset_s: int = SERVER_OFFSET_S, balance: float = BALANCE, hedging: bool = True,
    ) -> None:  # fmt: skip
        self.server, self.offset_s = SERVER, offset_s
        self.account = Account(market.symbols, balance, hedging=hedging)
        self.desk = Desk(self.account, market.symbols, offset_s * 1000)
        self._market = market
        self._now_ms = now_ms
        self._connected = False
        self._error = (RES_S_OK, "Success")
        self._selected: set[str] = set()

    def __getattr__(self, name: str) -> int:
        """The package's constants."""
        if name.isupper() and hasattr(mt5_types, name):
            return int(getattr(mt5_types, name))
        raise AttributeError(f"module 'MetaTrader5' has no attribute {name!r}")

    def initialize(self, path: str = "", **_: Any) -> bool:
        self._connected = True
        self._selected = set(self._market.symbols)
        self._advance()
        return self._succeed()

    def shutdown(self) -> None:
        self._connected = False

    def last_error(self) -> tuple[int, str]:
        return self._error

    def version(self) -> tuple[int, int, str] | None:
        return (500, 4_000, "1 Jan 2024") if self._ready() else None

    def terminal_info(self) -> TerminalInfo | None:
        if not self._ready():
            return None
        allowed = self.desk.trade_allowed
        return TerminalInfo(
            False, True, allowed, not allowed, 4_000, 100_000, 1_000, "English", "Trifecta (SIMULATED)",
            "MetaTrader 5 (SIMULATED)", "", "",
        )  # fmt: skip

    def account_info(self) -> AccountInfo | None:
        if not self._ready():
            return None
        account = self.account
        equity, margin = round(account.balance + account.profit, 2), account.margin
        level = round(equity / margin * 100, 2) if margin else 0.0
        return AccountInfo(
            login=_LOGIN, trade_mode=0, leverage=LEVERAGE, limit_orders=200, margin_so_mode=0,
            trade_allowed=self.desk.trade_allowed, trade_expert=True, margin_mode=2 if account.hedging else 0,
            currency_digits=2, balance=account.balance, credit=0.0, profit=account.profit, equity=equity, margin=margin,
            margin_free=round(equity - margin, 2), margin_level=level, name="SIMULATED", server=self.server,
            currency="USD", company="Trifecta (SIMULATED)",
        )  # fmt: skip

    def symbols_total(self) -> int:
        return len(self._market.symbols) if self._ready() else 0

    def symbols_get(self, group: str = "*") -> tuple[SymbolInfo, ...] | None:
        """Every symbol, or those whose name contains what stands between the stars of `group`."""
        if not self._ready():
            return None
        return tuple(self._describe(name) for name in self._market.symbols if group.strip("*") in name)

    def symbol_select(self, symbol: str, enable: bool = True) -> bool:
        if not self._find(symbol):
            return False
        (self._selected.add if enable else self._selected.discard)(symbol)
        return True

    def symbol_info(self, symbol: str) -> SymbolInfo | None:
        return self._describe(symbol) if self._find(symbol) else None

    def symbol_info_tick(self, symbol: str) -> Tick | None:
        if not self._find(symbol):
            return None
        if not len(self._market.ticks(symbol)):
            self._fail(RES_E_FAIL, "Terminal: Call failed")
            return None
        return Tick(*_tick_rows(self._market.ticks(symbol)[-1:], self._shift_ms).tolist()[0])

    def copy_ticks_from(self, symbol: str, date_from: datetime | int, count: int, flags: int) -> Array | None:
        """Ticks from a moment on, `count` at most, oldest first."""
        if not self._find(symbol) or not self._is_count(count):
            return None
        ticks = self._market.ticks(symbol)
        first = int(np.searchsorted(ticks["ms"], _ms(date_from) - self._shift_ms))
        return self._quoted(ticks[first : first + count], flags)

    def copy_ticks_range(
        self, symbol: str, date_from: datetime | int, date_to: datetime | int, flags: int
    ) -> Array | None:
        """Ticks of a span, both ends included, oldest first."""
        if not self._find(symbol):
            return None
        ticks = self._market.ticks(symbol)
        first = int(np.searchsorted(ticks["ms"], _ms(date_from) - self._shift_ms))
        last = int(np.searchsorted(ticks["ms"], _ms(date_to) - self._shift_ms, side="right"))
        return self._quoted(ticks[first:last], flags)

    def copy_rates_from_pos(self, symbol: str, timeframe: int, start_pos: int, count: int) -> Array | None:
        """`count` bars up to the `start_pos`th from the current one, which is number 0 and still open; oldest first."""
        if not self._find(symbol) or not self._is_count(count):
            return None
        bars = self._bars(symbol, timeframe)
        if bars is None or start_pos < 0:
            self._fail(RES_E_INVALID_PARAMS, "Invalid params")
            return None
        end = len(bars) - start_pos
        return _rate_rows(bars[max(end - count, 0) : max(end, 0)], self._shift_ms)

    def copy_rates_range(
        self, symbol: str, timeframe: int, date_from: datetime | int, date_to: datetime | int
    ) -> Array | None:
        """Bars that open within a span, both ends included, oldest first."""
        if not self._find(symbol):
            return None
        bars = self._bars(symbol, timeframe)
        if bars is None:
            self._fail(RES_E_INVALID_PARAMS, "Invalid params")
            return None
        opens = bars["ms"] + self._shift_ms
        return _rate_rows(bars[(opens >= _ms(date_from)) & (opens <= _ms(date_to))], self._shift_ms)

    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> float | None:
        if not self._find(symbol):
            return None
        return self.account.margin_of(symbol, volume, price)

    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float | None:
        return self.account.profit_of(symbol, action, volume, price_open, price_close) if self._find(symbol) else None

    def order_check(self, request: dict[str, Any]) -> OrderCheckResult | None:
        read = self._request(request)
        info = self.account_info() if read is not None else None
        if read is None or info is None:
            return None
        code = self.desk.check(read)
        margin = info.margin
        if not code and read.action == mt5_types.TRADE_ACTION_DEAL and not read.position:
            margin += self.account.margin_of(read.symbol, read.volume, read.price)
        comment = "Done" if not code else f"retcode {code}"
        return OrderCheckResult(
            code, info.balance, info.equity, info.profit, margin, info.equity - margin, info.margin_level, comment, read
        )

    def order_send(self, request: dict[str, Any]) -> OrderSendResult | None:
        read = self._request(request)
        if read is None:
            return None
        sent = self.desk.send(read, self._now_ms())
        if self.desk.lost_answers:
            self.desk.lost_answers -= 1
            self._fail(RES_E_INTERNAL_FAIL_TIMEOUT, "Internal timeout")
            return None
        return sent

    def positions_total(self) -> int:
        return len(self.account.positions) if self._ready() else 0

    def positions_get(self, symbol: str = "", ticket: int = 0) -> tuple[TradePosition, ...] | None:
        if not self._ready():
            return None
        return tuple(
            one
            for one in self.account.positions.values()
            if (not symbol or one.symbol == symbol) and ticket in (0, one.ticket)
        )

    def orders_total(self) -> int:
        return len(self.account.orders) if self._ready() else 0

    def orders_get(self, symbol: str = "", ticket: int = 0) -> tuple[TradeOrder, ...] | None:
        if not self._ready():
            return None
        return tuple(
            one
            for one in self.account.orders.values()
            if (not symbol or one.symbol == symbol) and ticket in (0, one.ticket)
        )

    def history_deals_get(
        self, date_from: datetime | int = 0, date_to: datetime | int = 0, *, ticket: int = 0, position: int = 0
    ) -> tuple[TradeDeal, ...] | None:
        """Deals of a span, or those of an order's `ticket`, or of a `position`."""
        if not self._ready():
            return None
        if ticket or position:
            return tuple(
                one
                for one in self.account.deals
                if (ticket and ticket in (one.order, one.position_id)) or (position and one.position_id == position)
            )
        return tuple(one for one in self.account.deals if _ms(date_from) <= one.time_msc <= _ms(date_to))

    def history_orders_get(
        self, date_from: datetime | int = 0, date_to: datetime | int = 0, *, ticket: int = 0
    ) -> tuple[TradeOrder, ...] | None:
        """Orders of a span that work no more, or the one of this ticket."""
        if not self._ready():
            return None
        done = self.account.done
        if ticket:
            return tuple(one for one in done if one.ticket == ticket)
        return tuple(one for one in done if _ms(date_from) <= one.time_setup_msc <= _ms(date_to))

    @property
    def _shift_ms(self) -> int:
        return self.offset_s * 1000

    def _advance(self) -> None:
        for symbol, ticks in self._market.advance(self._now_ms()).items():
            self.account.settle(symbol, ticks, self._shift_ms)

    def _ready(self) -> bool:
        if not self._connected:
            self._fail(RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection")
            return False
        self._advance()
        return self._succeed()

    def _find(self, symbol: str) -> ForexSymbol | None:
        if not self._ready():
            return None
        found = self._market.symbols.get(symbol)
        if found is None:
            self._fail(RES_E_NOT_FOUND, "Terminal: Not found")
        return found

    def _is_count(self, count: int) -> bool:
        if count <= 0:
            self._fail(RES_E_INVALID_PARAMS, "Invalid params")
        return count > 0

    def _fail(self, code: int, text: str) -> None:
        self._error = code, text

    def _succeed(self) -> bool:
        self._error = RES_S_OK, "Success"
        return True

    def _request(self, request: dict[str, Any]) -> TradeRequest | None:
        if not self._ready():
            return None
        unknown = set(request) - set(TradeRequest._fields)
        if unknown:
            self._fail(RES_E_INVALID_PARAMS, f"Invalid field {min(unknown)!r}")
            return None
        try:
            return TradeRequest(
                **{name: type(TradeRequest._field_defaults[name])(value) for name, value in request.items()}
            )
        except (TypeError, ValueError):
            self._fail(RES_E_INVALID_PARAMS, "Invalid argument in the trade request")
            return None

    def _bars(self, symbol: str, timeframe: int) -> Array | None:
        minutes = _MINUTES.get(timeframe)
        if minutes is None:
            return None
        return longer_bars(self._market.minutes(symbol), minutes * 60_000, self._shift_ms)

    def _quoted(self, ticks: Array, flags: int) -> Array:
        """Every tick of forex is a quote: asking for trades alone gives none."""
        chosen = ticks[:0] if flags == mt5_types.COPY_TICKS_TRADE else ticks
        return _tick_rows(chosen, self._shift_ms)

    def _describe(self, name: str) -> SymbolInfo:
        symbol, quote = self._market.symbols[name], self.account.quotes.get(name)
        bid, ask, ms = (quote.bid, quote.ask, quote.ms) if quote else (0.0, 0.0, -self._shift_ms)
        value = symbol.point * symbol.contract
        return SymbolInfo(
            select=name in self._selected, visible=name in self._selected, time=(ms + self._shift_ms) // 1000,
            digits=symbol.digits, spread=round((ask - bid) / symbol.point), spread_float=True, trade_calc_mode=0,
            trade_mode=4 if self.desk.trade_allowed else 0, trade_exemode=1,
            trade_stops_level=STOPS_LEVEL, trade_freeze_level=0, filling_mode=FILLING_MODE, bid=bid,
            ask=ask, last=0.0, point=symbol.point,
            trade_tick_value=value if symbol.quote == "USD" or not bid else value / bid, trade_tick_size=symbol.point,
            trade_contract_size=symbol.contract, volume_min=MIN_LOT, volume_max=MAX_LOT, volume_step=LOT_STEP,
            currency_base=symbol.base, currency_profit=symbol.quote, currency_margin=symbol.base,
            description=f"{symbol.base} against {symbol.quote} (SIMULATED)", name=name, path=f"Forex\\{name}",
        )  # fmt: skip


def _ms(moment: datetime | int) -> int:
    """A moment as the package takes it: a datetime, one without a zone meant as UTC, or seconds since 1970."""
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    return int(moment * 1000)


def _tick_rows(ticks: Array, shift_ms: int) -> Array:
    found = np.zeros(len(ticks), TICKS)
    found["time_msc"] = ticks["ms"] + shift_ms
    found["time"] = found["time_msc"] // 1000
    found["bid"], found["ask"] = ticks["bid"], ticks["ask"]
    found["flags"] = mt5_types.TICK_FLAG_BID | mt5_types.TICK_FLAG_ASK
    return found


def _rate_rows(bars: Array, shift_ms: int) -> Array:
    found = np.zeros(len(bars), RATES)
    found["time"] = (bars["ms"] + shift_ms) // 1000
    for name in ("open", "high", "low", "close", "spread"):
        found[name] = bars[name]
    found["tick_volume"] = bars["ticks"]
    return found
