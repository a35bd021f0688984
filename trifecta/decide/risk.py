"""Whether orders may be sent: Approved or Refused, decided in the transaction that writes the orders.

All state is in the ledger. A ledger has one writer at a time, so two deciders can never spend the same allowance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, insert, select, update

from trifecta.clock import NS_PER_S
from trifecta.decide import exposure, halt
from trifecta.decide.portfolio import Valuation, value
from trifecta.market.money import ZERO
from trifecta.market.orders import Draft
from trifecta.settings import LiveSettings, RiskSettings
from warehouse.ledger import risk_state

_BASIS_POINTS = Decimal(10_000)
_FUTURE_NS = NS_PER_S
_STATE = select(risk_state).where(risk_state.c.portfolio == bindparam("own"))
_CHANGE = update(risk_state).where(risk_state.c.portfolio == bindparam("own"))


class Rule(StrEnum):
    """Which limit refused."""

    HALTED = "halted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    COLLAR = "price_collar"
    RATE = "order_rate"
    COOLDOWN = "cooldown"
    DAILY_LOSS = "daily_loss"
    DAILY_TRADES = "daily_trades"
    DRAWDOWN = "drawdown"
    POSITION = "position_cap"
    ASSET = "asset_exposure"
    VENUE = "venue_exposure"
    STOCK = "stock"
    LIVE = "live_cap"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Orders that belong together: all of them are allowed, or none."""

    decision_id: str
    opportunity_id: str
    portfolio: str
    engine: str
    drafts: tuple[Draft, ...]
    fill_model: str = "market"
    live: bool = False

    @property
    def opens(self) -> bool:
        """Whether it adds risk; an exit is let through where an entry is not."""
        return not all(draft.reduces for draft in self.drafts)


_PROOF = object()


class Approved:
    """A proposal that this transaction allows. Only `Risk.check` makes one; only an Approved becomes an order."""

    __slots__ = ("proposal",)

    def __init__(self, proposal: Proposal, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("only Risk.check approves a proposal")
        self.proposal = proposal


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class State:
    """One portfolio's row of risk_state."""

    day: str
    day_start_equity: Decimal
    day_trades: int
    loss_streak: int
    cooldown_until: int | None
    peak_equity: Decimal


@dataclass(frozen=True, slots=True)
class Moment:
    """What a check looks at."""

    connection: Connection
    proposal: Proposal
    state: State
    valuation: Valuation
    now_ns: int

    @property
    def equity(self) -> Decimal:
        return self.valuation.worth.equity


class Risk:
    """The limits of `settings`, applied."""

    def __init__(self, settings: RiskSettings, live: LiveSettings | None = None) -> None:
        self._limits = settings
        self._live = live or LiveSettings()
        self._zone = ZoneInfo(settings.timezone)
        always: tuple[Check, ...] = (self._halted, self._stale, self._duplicate)
        self._of_exits: tuple[Check, ...] = (*always, self._stock)
        self._of_entries: tuple[Check, ...] = (
            *always,
            self._live_caps,
            self._collar,
            self._order_rate,
            self._cooldown,
            self._daily_loss,
            self._daily_trades,
            self._drawdown,
            self._stock,
            self._exposures,
        )

    def check(self, connection: Connection, proposal: Proposal, now_ns: int) -> Approved | Refused:
        """The verdict, valid within this writing transaction, which must also write the orders or roll back."""
        valuation = value(connection, proposal.portfolio)
        state = self._today(connection, proposal.portfolio, valuation.worth.equity, now_ns)
        moment = Moment(connection, proposal, state, valuation, now_ns)
        for check in self._of_entries if proposal.opens else self._of_exits:
            refused = check(moment)
            if refused is not None:
                return refused
        if proposal.opens:
            _write(connection, proposal.portfolio, now_ns, day_trades=state.day_trades + 1)
        return Approved(proposal, _PROOF)

    def booked(self, connection: Connection, portfolio: str, pnl: Decimal, now_ns: int) -> None:
        """Counts a decision's outcome, within the transaction that books it."""
        row = connection.execute(_STATE, {"own": portfolio}).one_or_none()
        if row is None or pnl == 0:
            return
        if pnl > 0:
            _write(connection, portfolio, now_ns, loss_streak=0)
            return
        streak = row.loss_streak + 1
        changes: dict[str, object] = {"loss_streak": streak}
        if streak >= self._limits.loss_streak:
            changes["cooldown_until"] = now_ns + round(self._limits.cooldown_s * NS_PER_S)
        _write(connection, portfolio, now_ns, **changes)

    def _today(self, connection: Connection, portfolio: str, equity: Decimal, now_ns: int) -> State:
        """The state with what time alone has changed: a new day, a cooldown that is over, a new peak."""
        day = datetime.fromtimestamp(now_ns / NS_PER_S, self._zone).date().isoformat()
        row = connection.execute(_STATE, {"own": portfolio}).one_or_none()
        if row is None:
            state = State(day, equity, 0, 0, None, equity)
            connection.execute(insert(risk_state).values(portfolio=portfolio, updated_at=now_ns, **_columns(state)))
            return state
        over = row.cooldown_until is not None and now_ns >= row.cooldown_until
        state = State(
            day=day,
            day_start_equity=row.day_start_equity if row.day == day else equity,
            day_trades=row.day_trades if row.day == day else 0,
            loss_streak=0 if over else row.loss_streak,
            cooldown_until=None if over else row.cooldown_until,
            peak_equity=max(row.peak_equity, equity),
        )
        changed = {name: new for name, new in _columns(state).items() if new != getattr(row, name)}
        if changed:
            _write(connection, portfolio, now_ns, **changed)
        return state

    def _halted(self, moment: Moment) -> Refused | None:
        found = halt.state(moment.connection)
        stopped = found.stops(reduces=not moment.proposal.opens)
        return Refused(Rule.HALTED, f"halted by {found.actor}: {found.reason}") if stopped else None

    def _stale(self, moment: Moment) -> Refused | None:
        oldest = min(draft.quoted_at for draft in moment.proposal.drafts)
        newest = max(draft.quoted_at for draft in moment.proposal.drafts)
        age_s = (moment.now_ns - oldest) / NS_PER_S
        if age_s > self._limits.stale_s:
            return Refused(Rule.STALE, f"a quote is {age_s:.1f} s old, above {self._limits.stale_s:g} s")
        if newest > moment.now_ns + _FUTURE_NS:
            return Refused(Rule.STALE, f"a quote is {(newest - moment.now_ns) / NS_PER_S:.1f} s ahead of the clock")
        return None

    def _duplicate(self, moment: Moment) -> Refused | None:
        since = moment.now_ns - round(self._limits.duplicate_s * NS_PER_S)
        twin = exposure.twin(moment.connection, moment.proposal.portfolio, moment.proposal.drafts, since)
        if twin is None:
            return None
        return Refused(Rule.DUPLICATE, f"order {twin} is the same and less than {self._limits.duplicate_s:g} s old")

    def _live_caps(self, moment: Moment) -> Refused | None:
        """What an entry may move of real money: an order, and with all orders since midnight, exits too.

        An exit is never capped: what was opened can be closed and unwound, whatever the day came to.
        """
        if not moment.proposal.live:
            return None
        convert = moment.valuation.convert
        asked = [convert(draft.notional, draft.terms.quote) for draft in moment.proposal.drafts]
        if max(asked) > self._live.max_order_notional:
            told = f"an order of {max(asked):.2f} is above trade.live.max_order_notional"
            return Refused(Rule.LIVE, f"{told} {self._live.max_order_notional}")
        midnight = datetime.fromisoformat(moment.state.day).replace(tzinfo=self._zone)
        since_ns = int(midnight.timestamp()) * NS_PER_S - 1
        moved = exposure.moved_since(moment.connection, moment.proposal.portfolio, since_ns, moment.valuation)
        if moved + sum(asked) > self._live.max_daily_notional:
            told = f"{moved:.2f} moved on {moment.state.day} and {sum(asked):.2f} more"
            return Refused(Rule.LIVE, f"{told} are above trade.live.max_daily_notional {self._live.max_daily_notional}")
        return None

    def _collar(self, moment: Moment) -> Refused | None:
        for draft in moment.proposal.drafts:
            mark = exposure.fresh_mark(moment.connection, draft.terms, moment.now_ns)
            for name, price in (("reference", draft.reference), ("price", draft.price)):
                anchor = mark or draft.reference
                if price is None or not anchor:
                    continue
                away = abs(price - anchor) / anchor * _BASIS_POINTS
                if away > self._limits.collar_bps:
                    told = f"{name} {price} of {draft.terms.symbol} is {away:.1f} bps from {anchor}"
                    return Refused(Rule.COLLAR, f"{told}, above {self._limits.collar_bps} bps")
        return None

    def _order_rate(self, moment: Moment) -> Refused | None:
        sent = exposure.orders_since(moment.connection, moment.proposal.portfolio, moment.now_ns - 60 * NS_PER_S)
        most = self._limits.orders_per_minute
        if sent + len(moment.proposal.drafts) > most:
            return Refused(Rule.RATE, f"{sent} orders in the last minute, at most {most}")
        return None

    def _cooldown(self, moment: Moment) -> Refused | None:
        until = moment.state.cooldown_until
        if until is None:
            return None
        left_s = (until - moment.now_ns) / NS_PER_S
        return Refused(Rule.COOLDOWN, f"{moment.state.loss_streak} losses in a row: {left_s:.0f} s of cooldown left")

    def _daily_loss(self, moment: Moment) -> Refused | None:
        lost = moment.state.day_start_equity - moment.equity
        if lost < self._limits.daily_loss:
            return None
        return Refused(Rule.DAILY_LOSS, f"{lost:.2f} lost on {moment.state.day}, limit {self._limits.daily_loss}")

    def _daily_trades(self, moment: Moment) -> Refused | None:
        if moment.state.day_trades < self._limits.daily_trades:
            return None
        return Refused(Rule.DAILY_TRADES, f"{moment.state.day_trades} trades on {moment.state.day}, the most allowed")

    def _drawdown(self, moment: Moment) -> Refused | None:
        peak = moment.state.peak_equity
        if peak <= 0 or (peak - moment.equity) / peak < self._limits.drawdown_share:
            return None
        told = f"equity {moment.equity:.2f} is {(peak - moment.equity) / peak:.1%} below its peak {peak:.2f}"
        halt.latch(moment.connection, f"drawdown: {told}", halt.DRAWDOWN, moment.now_ns)
        return Refused(Rule.DRAWDOWN, f"{told}, limit {self._limits.drawdown_share:.1%}; halted until a person resumes")

    def _stock(self, moment: Moment) -> Refused | None:
        short = exposure.oversold(
            moment.connection, moment.proposal.portfolio, moment.proposal.drafts, moment.valuation
        )
        return None if short is None else Refused(Rule.STOCK, short)

    def _exposures(self, moment: Moment) -> Refused | None:
        proposal, equity = moment.proposal, max(moment.equity, ZERO)
        found = exposure.measure(moment.connection, proposal.portfolio, proposal.drafts, moment.valuation)
        shares = (
            (Rule.POSITION, found.positions, self._limits.position_share),
            (Rule.ASSET, found.assets, self._limits.asset_share),
            (Rule.VENUE, found.venues, self._limits.venue_share),
        )
        for rule, amounts, limit in shares:
            for name, amount in amounts.items():
                if amount > limit * equity:
                    told = f"{name} would come to {amount:.2f}, above {limit:.0%} of the equity {equity:.2f}"
                    return Refused(rule, told)
        return None


Check = Callable[[Moment], Refused | None]


def _columns(state: State) -> Mapping[str, object]:
    return {name: getattr(state, name) for name in State.__slots__}


def _write(connection: Connection, portfolio: str, now_ns: int, **changes: object) -> None:
    connection.execute(_CHANGE, {"own": portfolio, "updated_at": now_ns, **changes})
