"""The loops that look at every price: which assets cross, the best cycle of three, how much of a route pays."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FAST = {"nnan", "ninf", "nsz", "reassoc", "contract"}
"""Sums and maxima may be taken in any order: no NaN comes in."""


def crossing(net_bid: Floats, net_ask: Floats, ts_recv: npt.NDArray[np.int64], oldest: int) -> npt.NDArray[np.int64]:
    """Columns in which someone bids more, after fees, than another asks.

    Args:
        net_bid, net_ask: float64 (venues, assets), what is left after the taker's fee; never NaN.
        ts_recv: int64 (venues, assets); what is older than `oldest` counts as unknown.
    """
    found: npt.NDArray[np.int64] = _crossing(net_bid, net_ask, ts_recv, oldest)
    return found


@numba.njit(cache=True, fastmath=FAST)
def _crossing(net_bid, net_ask, ts_recv, oldest):  # type: ignore[no-untyped-def]
    venues, assets = net_bid.shape
    highest, lowest = net_bid[0].copy(), net_ask[0].copy()
    # Four venues at once: the extremes so far are read and written once for all four, which is three times faster.
    fours = 1 + (venues - 1) // 4 * 4
    for v in range(1, fours, 4):
        for i in range(assets):
            two, other = max(net_bid[v, i], net_bid[v + 1, i]), max(net_bid[v + 2, i], net_bid[v + 3, i])
            highest[i] = max(highest[i], two, other)
        for i in range(assets):
            two, other = min(net_ask[v, i], net_ask[v + 1, i]), min(net_ask[v + 2, i], net_ask[v + 3, i])
            lowest[i] = min(lowest[i], two, other)
    for v in range(fours, venues):
        for i in range(assets):
            highest[i], lowest[i] = max(highest[i], net_bid[v, i]), min(lowest[i], net_ask[v, i])
    # Few cross at all, so ages are looked at afterwards, and only there.
    found = np.empty(assets, np.int64)
    count = 0
    for asset in range(assets):
        if highest[asset] > lowest[asset]:
            bid, ask = 0.0, 1e300
            for venue in range(venues):
                if ts_recv[venue, asset] >= oldest:
                    bid, ask = max(bid, net_bid[venue, asset]), min(ask, net_ask[venue, asset])
            if bid > ask:
                found[count] = asset
                count += 1
    return found[:count]


def best_cycle(rates: Floats) -> tuple[float, int, int, int]:
    """The most that one unit becomes in a cycle of three exchanges, and the three currencies; 0 where there is none.

    Args:
        rates: float64 (currencies, currencies); units of column's currency for one of the row's after fees, 0 where
            they are not exchanged. The diagonal is 0.
    """
    product, first, second, third = _best_cycle(rates, np.ascontiguousarray(rates.T))
    return float(product), int(first), int(second), int(third)


@numba.njit(cache=True, fastmath=FAST)
def _best_cycle(rates, into):  # type: ignore[no-untyped-def]
    count, last = len(rates), len(rates) - 1
    best, one = 0.0, 0
    for i in range(count):
        # Four second currencies at once: `into` is read once for all, which makes it three times faster. A row beyond
        # the last is the last again and changes nothing.
        for j in range(i + 1, count, 4):
            a, b, c, d = j, min(j + 1, last), min(j + 2, last), min(j + 3, last)
            widest_a, widest_b, widest_c, widest_d = 0.0, 0.0, 0.0, 0.0
            for k in range(i + 1, count):  # a cycle is looked at from its first currency alone
                back = into[i, k]
                widest_a = max(widest_a, rates[a, k] * back)
                widest_b = max(widest_b, rates[b, k] * back)
                widest_c = max(widest_c, rates[c, k] * back)
                widest_d = max(widest_d, rates[d, k] * back)
            widest_a, widest_b = rates[i, a] * widest_a, rates[i, b] * widest_b
            widest = max(widest_a, widest_b, rates[i, c] * widest_c, rates[i, d] * widest_d)
            if widest > best:
                best, one = widest, i
    best, two, three = 0.0, 0, 0
    for j in range(one + 1, count):
        for k in range(one + 1, count):
            product = rates[one, j] * rates[j, k] * into[one, k]
            if product > best:
                best, two, three = product, j, k
    return best, one, two, three


def walk(rates: Floats, rooms: Floats, most: float) -> tuple[float, float]:
    """How much to put into the first of several exchanges in a row while a little more still pays, and what comes out.

    Args:
        rates: float64 (legs, levels); units out for one unit in after fees, best level first; 0: no level.
        rooms: float64 (legs, levels); units in that a level takes.
        most: units that may go into the first leg.
    """
    spent, gained = _walk(rates, rooms, most)
    return float(spent), float(gained)


@numba.njit(cache=True, fastmath=FAST)
def _walk(rates, rooms, most):  # type: ignore[no-untyped-def]
    legs, levels = rates.shape
    level = np.zeros(legs, np.int64)
    left = rooms[:, 0].copy()
    spent, gained = 0.0, 0.0
    for _ in range(legs * levels):
        product, take = 1.0, most - spent
        for leg in range(legs):
            take = min(take, left[leg] / product)
            product *= rates[leg, level[leg]]
        if product <= 1.0 or take <= 0.0:
            break
        spent += take
        gained += take * product
        flow = take
        for leg in range(legs):
            left[leg] -= flow
            flow *= rates[leg, level[leg]]
        exhausted = False
        for leg in range(legs):
            if left[leg] <= 1e-12 * rooms[leg, level[leg]]:
                level[leg] += 1
                if level[leg] == levels or rates[leg, level[leg]] <= 0.0:
                    exhausted = True
                    break
                left[leg] = rooms[leg, level[leg]]
        if exhausted:
            break
    return spent, gained
