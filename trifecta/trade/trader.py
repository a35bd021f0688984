"""The trading core: market events and opportunities in, booked money out. No thread, socket or clock of its own.

The trading process, a replay and a backtest drive the same object; they differ in where events, time, recorded prices
and the way to venues come from:

    trader = Trader(settings, ledger, ManualClock(start_ns), recorded=prices)   # ledger is migrated
    trader.enlist(terms)          # how instruments trade; pairs of a terminal and contracts enlist themselves
    trader.open()                 # capital once, what a restart left open, reconciliation
    for event in events:          # in the order of ts_recv
        clock.advance(...)        # to event.ts_recv; where `due_ns` comes first, to that, and `step()`
        trader.take(event)        # Book or Quote
        trader.offer(found)       # what the scanners see now; executes by rule where that is switched on
        trader.step()             # fills, exits, expiries, reconciliation, marks
    trader.close()                # asks for what is still on its way, and values what is held

An order sent at t meets the book of t + `trade.latency_ms`, so it is booked by a later `step`. With a clock that stands
still between events every run with the same events, seed and settings books the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from loguru import logger
from sqlalchemy import Connection, Row, exists, or_, select

from trifecta.clock import NS_PER_S, Clock
from trifecta.decide import auto
from trifecta.decide.decisions import attempts, traded
from trifecta.decide.judge import Learn, learn_nothing
from trifecta.decide.risk import Risk
from trifecta.market.events import Book, Quote
from trifecta.market.orders import Order, Terms
from trifecta.scan.opportunity import Opportunity
from trifecta.settings import Settings
from trifecta.trade import catalogue, requests, store
from trifecta.trade.books import Books
from trifecta.trade.desk import Desk
from trifecta.trade.executors import Executor
from trifecta.trade.fills import Stochastic, fill_model, label
from trifecta.trade.floor import RETRY_NS, Floor, Recorded, Trade
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.gateways.paper import Paper
from trifecta.trade.governor import Decided, Governor, Judges
from trifecta.trade.holdings import Holdings
from trifecta.trade.oms import Oms
from trifecta.trade.report import Report
from trifecta.trade.valuing import UntradableError, Valuing
from warehouse.ledger import IS_LIVING, Ledger, decisions, equity, orders, outcomes

RULE = "rule"
MOST_TRIED = 10_000
"""Opportunities that are remembered as tried by rule."""
GONE = "gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking for an opportunity."""

    verdict: str  # approved, refused, skipped or gone
    reason: str
    decision_id: str | None = None
    orders: tuple[Order, ...] = ()


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    events: int = 0
    offers: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    through: int = 0
    decide_s: float = 0.0
    discrepancies: int = 0


class Trader:
    """One portfolio. Calls must not overlap."""

    def __init__(
        self, settings: Settings, ledger: Ledger, clock: Clock, *, recorded: Recorded, judges: Judges | None = None,
        learn: Learn = learn_nothing, gateways: Mapping[str, Gateway] | None = None, late_ms: float = 0.0,
        books: Books | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            judges: by engine, asked in this order before risk.
            learn: told of each outcome in the transaction that books it.
            gateways: ways to live venues; in paper mode every venue is traded on paper.
            late_ms: how long after its receipt a book may still be on its way here.
            books: where the market is seen; by default what `take` brings.
        """
        self.counts = Counts()
        self._settings, self._ledger, self._clock = settings, ledger, clock
        trade = settings.trade
        self._books = books or Books(clock, late_ms=late_ms)
        self._catalogue: dict[tuple[str, str], Terms] = {}
        model = fill_model(trade.fill_model, trade.seed)
        paper = None
        if trade.mode == "paper":
            paper = Paper(self._catalogue, self._books, model, clock, trade.latency_ms)
        ways: dict[str, Gateway] = dict(gateways or {})
        risk = Risk(settings.risk, trade.live)
        self._oms = Oms(ledger, ways, risk, clock, trade.reporting_currency, learn)
        self._valuing = Valuing(
            ledger, clock, self._books, self._catalogue, requests.portfolio(settings), settings.trade
        )  # fmt: skip
        self._floor = Floor(
            settings=settings, ledger=ledger, clock=clock, books=self._books, oms=self._oms,
            desk=Desk(ledger, self._oms, risk, clock), recorded=recorded, catalogue=self._catalogue, gateways=ways,
            paper=paper, portfolio=requests.portfolio(settings), mode=trade.mode, fill_model=trade.fill_model,
            dice=model if isinstance(model, Stochastic) else None, require=self._valuing.require,
            holdings=Holdings(ways, clock),
        )  # fmt: skip
        self._governor = Governor(self._floor, judges or {}, self._valuing)
        self._trades: dict[str, Trade] = {}
        self._offers: dict[str, Opportunity] = {}
        self._tried: dict[str, None] = {}
        self._reconcile_ns = self._mark_ns = 0

    @property
    def portfolio(self) -> str:
        return self._floor.portfolio

    @property
    def open_trades(self) -> int:
        """Trades that are not through."""
        return len(self._trades)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What a person must know of."""
        return tuple(self._floor.alarms.values())

    @property
    def due_ns(self) -> int:
        """When `step` has something to do next, if no event comes before."""
        return min((self._reconcile_ns, self._mark_ns, *(trade.due_ns for trade in self._trades.values())))

    def enlist(self, terms: Iterable[Terms]) -> None:
        """Takes in how instruments trade; what was known of them before is replaced."""
        for one in terms:
            self._floor.reach(one.venue)
            self._catalogue[one.venue, one.symbol] = one

    def open(self) -> None:
        """Books the capital once, takes up what a restart left open, and asks venues for every order."""
        self._valuing.open()
        with self._ledger.read() as connection:
            open_trades = list(_open_trades(connection, self.portfolio))
            for venue in store.living_venues(connection):
                self._floor.reach(venue)
        for trade in open_trades:
            self._begin(trade)
        self._reconcile()
        self.step()

    def take(self, seen: Book | Quote) -> None:
        """Notes a book or a quote, and ends what it calls to be ended."""
        self.counts.events += 1
        self._books.take(seen)
        place = (seen.venue, seen.symbol)
        if place not in self._catalogue and catalogue.is_terminal(seen.venue):
            terms = catalogue.forex(*place, self._settings.scan.forex.commission_per_lot)
            if terms is not None:
                self.enlist([terms])
        for trade in list(self._trades.values()):
            if self._executor(trade).calls(trade, *place):
                self._tend(trade)

    def offer(self, found: Iterable[Opportunity]) -> list[Answer]:
        """Takes in all that the scanners see now; executes what the rule allows, where that is switched on."""
        self._offers = {one.id: one for one in found}
        self.counts.offers += 1
        chosen = [
            one
            for one in self._offers.values()
            if one.id not in self._tried and auto.allows(one, self._settings.trade.auto)
        ]
        return [self.execute(one.id, RULE) for one in chosen if self._may_try(one)]

    def execute(self, opportunity_id: str, trigger: str) -> Answer:
        """Trades what is offered under this id, once however often it is asked for."""
        with self._ledger.read() as connection:
            before = traded(connection, self.portfolio, opportunity_id)
            if before is not None:
                told = tuple(store.of_decision(connection, before))
                return Answer("approved", "it was traded before", before, told)
        found = self._offers.get(opportunity_id)
        if found is None:
            return Answer(GONE, f"opportunity {opportunity_id!r} is not offered: it has ended, or its id is wrong")
        late_s = (self._clock.now_ns() - found.ts_expiry) / NS_PER_S
        if late_s >= 0:
            return Answer(GONE, f"opportunity {opportunity_id!r} ended {late_s:.1f} s ago: its quotes are too old")
        began_s = self._clock.monotonic_s()
        decided = self._governor.decide(found, trigger)
        self.counts.decide_s += self._clock.monotonic_s() - began_s
        return self._answer(found, decided)

    def answer_requests(self) -> None:
        """Answers every request that waits in the ledger."""
        with self._ledger.read() as connection:
            asked = requests.waiting(connection, self.portfolio)
        for one in asked:
            answer = self._of_request(one)
            with self._ledger.begin() as connection:
                told = (answer.verdict, answer.reason, answer.decision_id)
                requests.conclude(connection, one.id, *told, self._clock.now_ns())
            logger.info("request {} for {}: {} {}", one.id, one.opportunity_id, answer.verdict, answer.reason)

    def step(self) -> None:
        """Does whatever is due by now."""
        now_ns = self._clock.now_ns()
        for trade in [one for one in self._trades.values() if one.due_ns <= now_ns]:
            self._tend(trade)
        if now_ns >= self._reconcile_ns:
            self._reconcile()
        if now_ns >= self._mark_ns:
            self._valuing.mark()
            self._mark_ns = now_ns + round(self._settings.trade.mark_s * NS_PER_S)

    def report(self) -> Report:
        """The state of trading, as the ledger has it."""
        newest = select(equity).where(equity.c.portfolio == self.portfolio).order_by(equity.c.id.desc()).limit(1)
        with self._ledger.read() as connection:
            worth, switch = connection.execute(newest).one(), auto.state(connection)
        counts = self.counts
        return Report(
            portfolio=self.portfolio, mode=self._floor.mode, fill_model=self._floor.fill_model,
            label=label(self._floor.fill_model), currency=worth.currency, auto=switch.enabled,
            equity=float(worth.equity), pnl=float(worth.equity - worth.capital), open_trades=len(self._trades),
            through=counts.through, events=counts.events, offers=counts.offers, verdicts=counts.verdicts,
            decide_s=counts.decide_s, discrepancies=counts.discrepancies, alarms=list(self.alarms),
        )  # fmt: skip

    def close(self) -> None:
        """Asks once more for every order, and values what is held."""
        self._reconcile()
        self._valuing.mark()

    def _of_request(self, asked: requests.Waiting) -> Answer:
        if asked.is_late(self._clock.now_ns()):
            with self._ledger.read() as connection:
                if traded(connection, self.portfolio, asked.opportunity_id) is None:
                    return Answer(
                        GONE, f"nothing was traded: the trader was away for {requests.WAITED_S:.0f} s or more"
                    )
        return self.execute(asked.opportunity_id, asked.trigger)

    def _may_try(self, one: Opportunity) -> bool:
        """Whether the rule may execute it: once each, and only while it is switched on."""
        with self._ledger.read() as connection:
            if not auto.state(connection).enabled:
                return False
            before = attempts(connection, self.portfolio, one.id)
        self._tried[one.id] = None
        while len(self._tried) > MOST_TRIED:
            del self._tried[next(iter(self._tried))]
        return not before

    def _answer(self, found: Opportunity, decided: Decided) -> Answer:
        self.counts.verdicts[decided.verdict] = self.counts.verdicts.get(decided.verdict, 0) + 1
        told: tuple[Order, ...] = decided.orders
        if decided.verdict == "approved" and not decided.repeated:
            self._begin(Trade(decided.decision_id, found))
        return Answer(decided.verdict, decided.reason, decided.decision_id, told)

    def _begin(self, trade: Trade) -> None:
        self._trades[trade.decision_id] = trade
        self._executor(trade).take_up(trade)
        self._tend(trade)

    def _tend(self, trade: Trade) -> None:
        with logger.contextualize(opportunity=trade.opportunity.id, decision=trade.decision_id):
            try:
                due = self._executor(trade).tend(trade)
            except UntradableError as error:
                logger.warning("the trade waits: {}", error)
                due = self._clock.now_ns() + RETRY_NS
        if due is not None:
            trade.due_ns = due
            return
        del self._trades[trade.decision_id]
        self._floor.alarms.pop(trade.decision_id, None)
        self.counts.through += 1

    def _reconcile(self) -> None:
        for found in self._oms.reconcile():
            self.counts.discrepancies += 1
            logger.warning("{} {}: {}", found.venue, found.client_order_id, found.told)
        if self._floor.mode == "live":
            self._floor.holdings.ask()
        self._reconcile_ns = self._clock.now_ns() + round(self._settings.trade.reconcile_s * NS_PER_S)

    def _executor(self, trade: Trade) -> Executor:
        return self._governor.executors[trade.opportunity.engine]


def _open_trades(connection: Connection, portfolio: str) -> Iterable[Trade]:
    """Approved decisions without an outcome of which something is held, or an order is not done."""
    own = orders.c.decision_id == decisions.c.id
    alive = exists().where(own, or_(IS_LIVING, orders.c.filled_qty > 0))
    closed = exists().where(outcomes.c.decision_id == decisions.c.id)
    asked = select(decisions.c.id, decisions.c.inputs).where(
        decisions.c.portfolio == portfolio, decisions.c.verdict == "approved", alive, ~closed
    )
    for row in connection.execute(asked.order_by(decisions.c.ts_ns)):
        yield _trade(row)


def _trade(row: Row[Any]) -> Trade:
    inputs = msgspec.json.decode(row.inputs)
    return Trade(row.id, msgspec.convert(inputs["opportunity"], Opportunity))
