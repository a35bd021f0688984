"""Which rows of a tape the scanners must see: those around a moment at which a market may cross another.

Elsewhere a scan finds no route between two venues, whatever the rows before it were, so nothing is lost by leaving them
out. What the board knows by then is fed too: the fastest quote so far of each venue and whatever came just before, by
which it tells late ones, and the newest rows of the asset at each market, by which it tells wrong ones. While a route
may pay every row of any asset is fed, for each of them is a look at which it may be gone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from trifecta.clock import NS_PER_S
from trifecta.scan.board import SETTLE_S, TOLD_S
from trifecta.trade.backtest.tape import Tape
from trifecta.trade.catalogue import is_terminal

NEWEST = 3
"""Rows of each market before those that are young enough, no older than the board looks back."""
Mask = npt.NDArray[np.bool_]


def may_cross(tape: Tape, max_age_s: float) -> Mask:
    """Rows after which some venue's bid is above another's ask after both takers' fees, quotes no older than that."""
    takers = np.array([one.scan.taker for one in tape.listings])
    assets = [one.scan.asset for one in tape.listings]
    rivals = np.full((len(assets), max(map(assets.count, assets))), -1)
    for own, asset in enumerate(assets):
        others = [at for at, one in enumerate(assets) if one == asset and at != own]
        rivals[own, : len(others)] = others
    bids, asks = tape.bid * (1 - takers[tape.listing]), tape.ask * (1 + takers[tape.listing])
    found: Mask = _crossing(tape.ts, tape.listing, bids, asks, rivals, round(max_age_s * NS_PER_S))
    return found


def fed(tape: Tape, max_age_s: float) -> Mask:
    """Rows to feed. Where assets are quoted in one another a cycle may pay anywhere, so all of them."""
    if has_cycles(tape):
        return np.ones(len(tape), np.bool_)
    venues = [one.scan.venue for one in tape.listings]
    venue = np.array([venues.index(one) for one in venues])
    assets = [one.scan.asset for one in tape.listings]
    asset = np.array([assets.index(one) for one in assets])
    hot = may_cross(tape, max_age_s)
    found: Mask = _while_hot(tape.ts, tape.ts_event, venue[tape.listing], hot, round(max_age_s * NS_PER_S))
    just_before = round(max(max_age_s, TOLD_S) * NS_PER_S)
    _before_hot(tape.ts, tape.listing, asset, hot, just_before, round(SETTLE_S * NS_PER_S), found)
    return found


def newest(tape: Tape) -> Mask:
    """Rows that no row of the same listing follows at the same moment."""
    found: Mask = _newest(tape.ts, tape.listing, len(tape.listings))
    return found


def has_cycles(tape: Tape) -> bool:
    """Whether an asset is quoted in something that is an asset at the same exchange."""
    markets = [one.scan for one in tape.listings if not is_terminal(one.scan.venue)]
    bases = {(one.venue, one.base) for one in markets}
    return any((one.venue, one.quote) in bases for one in markets)


@njit(cache=True)
def _crossing(ts, listing, bids, asks, rivals, max_age):  # type: ignore[no-untyped-def]
    """`rivals` are the listings of the same asset elsewhere, int64 (listings, most of them), -1 behind the last."""
    count = len(rivals)
    seen = np.full(count, -(1 << 62), np.int64)
    bid, ask = np.zeros(count), np.full(count, np.inf)
    found = np.zeros(len(ts), np.bool_)
    for row in range(len(ts)):
        own = listing[row]
        seen[own], bid[own], ask[own] = ts[row], bids[row], asks[row]
        for other in rivals[own]:
            if other < 0:
                break
            if ts[row] - seen[other] <= max_age and (bid[own] > ask[other] or bid[other] > ask[own]):
                found[row] = True
                break
    return found


@njit(cache=True)
def _while_hot(ts, ts_event, venue, hot, max_age):  # type: ignore[no-untyped-def]
    """From each hot row until one at which no quote of then is believed any more, and each venue's fastest so far."""
    never = 1 << 62
    fastest = np.full(venue.max() + 1 if len(venue) else 1, never, np.int64)
    last, seen_gone = -never, True
    found = hot.copy()
    for row in range(len(ts)):
        if hot[row]:
            last, seen_gone = ts[row], False
        elif not seen_gone:
            found[row] = True
            seen_gone = ts[row] - last > max_age
        if ts_event[row] > 0 and ts[row] - ts_event[row] < fastest[venue[row]]:
            fastest[venue[row]] = ts[row] - ts_event[row]
            found[row] = True
    return found


@njit(cache=True)
def _before_hot(ts, listing, asset, hot, just_before, looks_back, found):  # type: ignore[no-untyped-def]
    """Marks in `found` what the board has to know when a hot row comes."""
    never = 1 << 62
    next_hot, following = never, np.full(asset.max() + 1, never, np.int64)
    left = np.zeros(len(asset), np.int64)
    for row in range(len(ts) - 1, -1, -1):
        own = listing[row]
        if hot[row]:
            next_hot = following[asset[own]] = ts[row]
            for other in range(len(asset)):
                if asset[other] == asset[own]:
                    left[other] = NEWEST
        if next_hot - ts[row] <= just_before:
            found[row] = True
        elif left[own] > 0 and following[asset[own]] - ts[row] <= looks_back:
            found[row] = True
            left[own] -= 1


@njit(cache=True)
def _newest(ts, listing, count):  # type: ignore[no-untyped-def]
    following = np.full(count, -(1 << 62), np.int64)
    found = np.zeros(len(ts), np.bool_)
    for row in range(len(ts) - 1, -1, -1):
        own = listing[row]
        found[row] = following[own] != ts[row]
        following[own] = ts[row]
    return found
