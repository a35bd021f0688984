"""The running system over a tape: scanner, governor, desk, executors and agents, with the tape's clock and books.

What stands between two moments at which something can happen is not walked through row by row: see `windows`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.decide import auto
from trifecta.decide.agents import learner
from trifecta.errors import PermanentError
from trifecta.market.events import Book
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.binary import BinaryFinder
from trifecta.scan.board import Board
from trifecta.scan.chains import ChainScanner
from trifecta.scan.forex import BAR_S, ForexFinder
from trifecta.scan.opportunity import Engine, Opportunity
from trifecta.scan.pool_board import PoolBoard
from trifecta.scan.scanner import Scanner
from trifecta.settings import Settings
from trifecta.trade.backtest import bars, windows
from trifecta.trade.backtest.tape import Tape
from trifecta.trade.backtest.view import TapeBooks, TapeClock, TapePrices
from trifecta.trade.catalogue import is_terminal
from trifecta.trade.judging import judges
from trifecta.trade.trader import Trader
from warehouse.ledger import Ledger

ACTOR = "backtest"
MARK_S, RECONCILE_S = 60.0, 3_600.0
"""How often what is held is valued, and orders are asked for that no trade asks for: a tape is never unknown."""
AFTER_S = 120.0
"""How long after the tape's end, beside a transfer, trades that are on their way are followed."""
MOST_STEPS = 100_000
"""Steps in a row without a row of the tape, before a trade is taken not to end."""
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Watched:
    """What the scanners saw on the way."""

    rows: int = 0
    fed: int = 0
    scans: int = 0
    opportunities: set[str] = field(default_factory=set)
    advised: set[str] = field(default_factory=set)
    """Those that were EXECUTE at some moment."""


class Backtest:
    """One run over one tape into one ledger, which is migrated and empty."""

    def __init__(self, tape: Tape, settings: Settings, ledger: Ledger, *, everything: bool = False) -> None:
        """
        Args:
            everything: feed each row, as the running system does; slower, and nothing else.
        """
        self._tape = tape
        self._everything = everything
        mark_s = float(BAR_S) if tape.bars else MARK_S
        slow = {"mark_s": mark_s, "reconcile_s": RECONCILE_S, "mode": "paper"}
        self._settings = settings.model_copy(update={"trade": settings.trade.model_copy(update=slow)})
        self._clock = TapeClock(int(tape.ts[0]) if len(tape) else 0)
        self._ledger = ledger
        self._closing = bars.Closing(tape.bars.get(bars.INTERVAL, {}))
        self._forex = ForexFinder(settings.scan.forex)
        self._binary = BinaryFinder(settings.scan.binary)
        self._claims = tape.claims.told()
        self._claim = next(self._claims, None)
        self._scanner = self._make_scanner()
        self._trader = self._make_trader()
        self.watched = Watched(rows=len(tape))

    def run(self, on_progress: Progress = lambda done, total: None) -> None:
        """Trades the tape from its first row to its last, then what is still on its way.

        Raises:
            PermanentError: a trade asks to be looked at again and again without getting on.
        """
        auto.turn(self._ledger, True, "the rule of a backtest", ACTOR, self._clock.now_ns())
        lends = self._settings.trade.lend_stock
        self._trader.enlist(replace(one.order, margin=one.order.margin or lends) for one in self._tape.listings)
        self._trader.open()
        rows, looks = self._rows(), self._looks()
        for done, row in enumerate(rows):
            if done % 1_000 == 0:
                on_progress(row, len(self._tape))
            if not looks[row] and not self._trader.open_trades:
                continue
            self._until_all(int(self._tape.ts[row]))
            self._take(row)
            if done + 1 == len(rows) or self._tape.ts[rows[done + 1]] != self._tape.ts[row]:
                self._look(scans=bool(looks[row]))
        if len(self._tape):
            last_s = self._settings.trade.transfer_s + AFTER_S
            self._until_all(int(self._tape.ts[-1]) + round(last_s * NS_PER_S))
        self._trader.close()
        on_progress(len(self._tape), len(self._tape))

    @property
    def open_trades(self) -> int:
        return self._trader.open_trades

    def _rows(self) -> list[int]:
        """The newest of each moment: as the running system, a look is at all that came since the last one."""
        chosen = windows.newest(self._tape)
        if not self._everything and not self._tape.bars:
            chosen &= windows.fed(self._tape, self._settings.scan.arbitrage.max_age_s)
        rows: list[int] = np.flatnonzero(chosen).tolist()
        return rows

    def _looks(self) -> windows.Mask:
        """Rows after which the scanners look. Inside a bar none is: what comes there only ends what is held."""
        return bars.opening(self._tape) if self._tape.bars else np.ones(len(self._tape), np.bool_)

    def _take(self, row: int) -> None:
        event = self._tape.event(row)
        self._clock.set(event.ts_recv)
        closed = self._closing.at(event.ts_recv)
        if closed is not None:
            self._forex.refresh(closed)
        if isinstance(event, Book):
            self._scanner.take_book(event)
        else:
            self._scanner.take(event)
        self._trader.take(event)
        self.watched.fed += 1

    def _look(self, *, scans: bool) -> None:
        found = self._scanner.scan() if scans else None
        self.watched.scans += scans
        if found is not None:
            self._offer(list(chain.from_iterable(found.opportunities.values())))
        if self._trader.open_trades and self._trader.due_ns <= self._clock.now_ns():
            self._trader.step()

    def _offer(self, found: list[Opportunity]) -> None:
        self.watched.opportunities |= {one.id for one in found}
        self.watched.advised |= {one.id for one in found if one.verdict == "EXECUTE"}
        self._trader.offer(found)

    def _until_all(self, ts: int) -> None:
        """As `_until`; signals that came before are offered by themselves, when they came."""
        while self._claim is not None and self._claim[0].ts_recv <= ts:
            signal, reliability = self._claim
            self._claim = next(self._claims, None)
            self._until(signal.ts_recv)
            self._binary.refresh(reliability)
            self._binary.add(signal)
            self._offer(self._binary.scan(signal.ts_recv))
        self._until(ts)

    def _until(self, ts: int) -> None:
        """Lets trades that are open do what they have to before `ts`, each at its time."""
        for _ in range(MOST_STEPS):
            if not self._trader.open_trades or self._trader.due_ns > ts:
                self._clock.set(ts)
                return
            self._clock.set(self._trader.due_ns)
            self._trader.step()
        raise PermanentError(f"{self._trader.open_trades} trades do not end: {MOST_STEPS} steps at {ts}")

    def _make_scanner(self) -> Scanner:
        scan, forex = self._settings.scan, self._tape.bars.get(bars.INTERVAL, {})
        listed = (one for one in self._tape.listings if one.market not in forex)
        board = Board(one.scan for one in listed if not is_terminal(one.scan.venue))
        chains = ChainScanner(board, PoolBoard(), scan.arbitrage)  # no pool is on a tape
        arbitrage = ArbitrageScanner(board, scan.arbitrage)
        finders = {Engine.FOREX: self._forex}
        return Scanner(
            arbitrage, chains, finders, self._clock, every_s=scan.cycle_s, simulated=self._tape.simulated
        )  # fmt: skip

    def _make_trader(self) -> Trader:
        settings, trade = self._settings, self._settings.trade
        return Trader(
            settings,
            self._ledger,
            self._clock,
            recorded=TapePrices(self._tape, self._clock),
            judges=judges(settings, self._ledger),
            learn=learner(trade.agents),
            books=TapeBooks(self._tape, self._clock),
        )
