"""How far paper trading is from its own replay: the same opportunities, and what was filled of them at what price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, select

from trifecta.clock import NS_PER_S
from trifecta.market.money import ZERO
from warehouse.ledger import decisions, orders, outcomes

NEAR_NS = 2 * NS_PER_S
"""How far apart two trades of one route may be decided and still be the same chance, seen some quotes earlier."""
Place = tuple[str, str, str]  # venue, symbol, side


@dataclass(frozen=True, slots=True)
class Taken:
    """What was filled at one place, by all orders of a decision. Amounts in base and quote currency."""

    qty: Decimal
    notional: Decimal

    @property
    def price(self) -> Decimal | None:
        return self.notional / self.qty if self.qty else None


@dataclass(frozen=True, slots=True)
class Trade:
    """An opportunity that was traded."""

    opportunity_id: str
    engine: str
    ts_ns: int
    first: tuple[Place, ...]  # of the orders that opened it
    taken: Mapping[Place, Taken]
    pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class FillDifference:
    """One place of a trade that both made. `worse_bps`: how much worse the replay was filled, negative for better."""

    opportunity_id: str
    venue: str
    symbol: str
    side: str
    paper_qty: Decimal
    replay_qty: Decimal
    paper_price: Decimal | None
    replay_price: Decimal | None
    worse_bps: float | None


@dataclass(frozen=True, slots=True)
class Divergence:
    """What two ledgers of one span have in common. P&L is of the trades that both have closed."""

    paper_trades: int
    replay_trades: int
    same: int
    only_paper: tuple[str, ...]
    only_replay: tuple[str, ...]
    fills: tuple[FillDifference, ...]
    mean_worse_bps: float | None
    same_qty: int  # of `fills`
    paper_pnl: Decimal
    replay_pnl: Decimal


def compare(paper: Connection, replay: Connection, portfolio: str, start_ns: int, stop_ns: int) -> Divergence:
    """Paper's trades that were decided in [start, stop), and those of its replay."""
    ours, theirs = (_trades(one, portfolio, start_ns, stop_ns) for one in (paper, replay))
    pairs = _paired(ours, theirs)
    fills = tuple(found for one, other in pairs for found in _differences(one, other))
    bps = [one.worse_bps for one in fills if one.worse_bps is not None]
    closed = [(a.pnl, b.pnl) for a, b in pairs if a.pnl is not None and b.pnl is not None]
    paired = {one.opportunity_id for one, _ in pairs}, {other.opportunity_id for _, other in pairs}
    return Divergence(
        paper_trades=len(ours),
        replay_trades=len(theirs),
        same=len(pairs),
        only_paper=tuple(one.opportunity_id for one in ours if one.opportunity_id not in paired[0]),
        only_replay=tuple(one.opportunity_id for one in theirs if one.opportunity_id not in paired[1]),
        fills=fills,
        mean_worse_bps=sum(bps) / len(bps) if bps else None,
        same_qty=sum(one.paper_qty == one.replay_qty for one in fills),
        paper_pnl=sum((own for own, _ in closed), ZERO),
        replay_pnl=sum((other for _, other in closed), ZERO),
    )


def span(connection: Connection, portfolio: str) -> tuple[int, int] | None:
    """From the first to behind the last decision that traded, ns; None where there is none."""
    own = (decisions.c.portfolio == portfolio, decisions.c.verdict == "approved")
    times = connection.execute(select(decisions.c.ts_ns).where(*own).order_by(decisions.c.ts_ns)).scalars().all()
    return (times[0], times[-1] + 1) if times else None


def _trades(connection: Connection, portfolio: str, start_ns: int, stop_ns: int) -> Sequence[Trade]:
    asked = (
        select(
            decisions.c.id, decisions.c.opportunity_id, decisions.c.engine, decisions.c.ts_ns, outcomes.c.pnl
        )
        .outerjoin(outcomes, outcomes.c.decision_id == decisions.c.id)
        .where(decisions.c.portfolio == portfolio, decisions.c.verdict == "approved")
        .where(decisions.c.ts_ns >= start_ns, decisions.c.ts_ns < stop_ns)
        .order_by(decisions.c.ts_ns, decisions.c.id)
    )  # fmt: skip
    found = []
    for row in connection.execute(asked).all():
        taken, first = _taken(connection, row.id)
        found.append(Trade(row.opportunity_id, row.engine, row.ts_ns, first, taken, row.pnl))
    return found


def _taken(connection: Connection, decision: str) -> tuple[Mapping[Place, Taken], tuple[Place, ...]]:
    asked = select(
        orders.c.venue, orders.c.symbol, orders.c.side, orders.c.filled_qty, orders.c.filled_notional,
        orders.c.intended_at,
    ).where(orders.c.decision_id == decision)  # fmt: skip
    rows = connection.execute(asked.order_by(orders.c.client_order_id)).all()
    sums: dict[Place, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in rows:
        sums[row.venue, row.symbol, row.side][0] += row.filled_qty
        sums[row.venue, row.symbol, row.side][1] += row.filled_notional
    began = min((row.intended_at for row in rows), default=0)
    first = tuple(sorted((row.venue, row.symbol, row.side) for row in rows if row.intended_at == began))
    return {place: Taken(*amounts) for place, amounts in sums.items()}, first


def _paired(ours: Iterable[Trade], theirs: Sequence[Trade]) -> list[tuple[Trade, Trade]]:
    """By the opportunity's id; what is left by route and time, the nearest first come."""
    by_id, free = {one.opportunity_id: one for one in theirs}, list(theirs)
    pairs, rest = [], []
    for one in ours:
        other = by_id.get(one.opportunity_id)
        if other is None:
            rest.append(one)
            continue
        pairs.append((one, other))
        free.remove(other)
    for one in rest:
        near = [other for other in free if other.first == one.first and abs(other.ts_ns - one.ts_ns) <= NEAR_NS]
        if near:
            other = min(near, key=lambda found: abs(found.ts_ns - one.ts_ns))
            pairs.append((one, other))
            free.remove(other)
    return pairs


def _differences(one: Trade, other: Trade) -> Iterable[FillDifference]:
    nothing = Taken(ZERO, ZERO)
    for place in sorted(one.taken.keys() | other.taken.keys()):
        own, theirs = one.taken.get(place, nothing), other.taken.get(place, nothing)
        worse = None
        if own.price and theirs.price:
            sign = 1 if place[2] == "BUY" else -1
            worse = sign * float((theirs.price - own.price) / own.price) * 1e4
        yield FillDifference(one.opportunity_id, *place, own.qty, theirs.qty, own.price, theirs.price, worse)
