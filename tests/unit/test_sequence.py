"""Trade ids: gaps are found at once, filled by what comes late or is fetched again, and lost with their number."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from trifecta.capture.sequence import MAX_REFETCHED, TradeSequence
from trifecta.market.events import TRADE, GapStatus

NOTHING = np.empty(0, TRADE)


def trades(ids: Iterable[int], *, count: int = 1) -> np.ndarray:
    """Trade n is frame n, received at 10 n and traded at n."""
    ids = list(ids)
    events = np.zeros(len(ids), TRADE)
    events["trade_id"] = events["position"] = events["ts_event"] = ids
    events["ts_recv"] = events["position"] * 10
    events["count"] = count
    return events


def kept(sequence: TradeSequence, ids: Iterable[int], *, count: int = 1) -> list[int]:
    return sequence.admit(trades(ids, count=count))[0]["trade_id"].tolist()


@pytest.fixture
def sequence() -> TradeSequence:
    """Has seen trades 1 and 2."""
    sequence = TradeSequence("BTCUSDT")
    assert sequence.admit(trades([1, 2]))[1:] == ([], 0)
    return sequence


def test_the_first_trade_opens_no_gap() -> None:
    found, gaps, duplicates = TradeSequence("BTCUSDT").admit(trades([1_000_000]))
    assert (len(found), gaps, duplicates) == (1, [], 0)


def test_a_gap_is_told_by_the_trade_behind_it(sequence: TradeSequence) -> None:
    found, (gap,), duplicates = sequence.admit(trades([6]))
    assert (len(found), duplicates) == (1, 0)
    assert (gap.status, gap.first_id, gap.last_id, gap.gap_id) == (GapStatus.OPEN, 3, 5, "trade:3")
    assert (gap.ts_from, gap.ts_to, gap.position, gap.ts_recv) == (2, 6, 6, 60)
    assert list(sequence.missing) == ["trade:3"]


def test_repeated_trades_are_left_out_and_counted(sequence: TradeSequence) -> None:
    found, gaps, duplicates = sequence.admit(trades([2, 3, 3, 1, 4]))
    assert (found["trade_id"].tolist(), gaps, duplicates) == ([3, 4], [], 3)


def test_a_late_trade_fills_its_gap_once(sequence: TradeSequence) -> None:
    found, (opened, closed), duplicates = sequence.admit(trades([5, 4, 3, 4]))
    assert (found["trade_id"].tolist(), duplicates) == ([5, 4, 3], 1)
    assert (opened.status, closed.status, closed.gap_id) == (GapStatus.OPEN, GapStatus.FILLED, opened.gap_id)
    assert (closed.position, closed.ts_recv) == (3, 30)
    assert not sequence.missing


def test_any_batching_finds_the_same(sequence: TradeSequence) -> None:
    order = [3, 3, 7, 5, 12, 6, 4, 11, 1, 13]
    whole = TradeSequence("BTCUSDT")
    whole.admit(trades([1, 2]))
    found, gaps, _ = whole.admit(trades(order))
    parts = [sequence.admit(trades([number])) for number in order]
    assert found["trade_id"].tolist() == [number for part in parts for number in part[0]["trade_id"].tolist()]
    assert gaps == [gap for part in parts for gap in part[1]]


def test_refetched_trades_fill_a_gap(sequence: TradeSequence) -> None:
    sequence.admit(trades([6]))
    found, (gap,) = sequence.backfill(trades([3, 4, 5]), (3, 5), 100, 1000, "")
    assert found["trade_id"].tolist() == [3, 4, 5]
    assert (gap.status, gap.position, gap.ts_recv, gap.first_id, gap.last_id) == (GapStatus.FILLED, 100, 1000, 3, 5)


def test_a_gap_is_refetched_page_by_page(sequence: TradeSequence) -> None:
    sequence.admit(trades([8]))
    assert sequence.backfill(trades([3, 4]), (3, 4), 100, 1000, "")[1] == []
    assert kept(sequence, [6]) == [6]  # one comes by the socket meanwhile
    found, (gap,) = sequence.backfill(trades([5, 6, 7]), (5, 7), 101, 1010, "")
    assert found["trade_id"].tolist() == [5, 7]
    assert gap.status is GapStatus.FILLED


def test_what_the_venue_does_not_have_is_lost_with_its_number(sequence: TradeSequence) -> None:
    sequence.admit(trades([8]))
    found, (gap,) = sequence.backfill(trades([4, 5]), (3, 7), 100, 1000, "")
    assert found["trade_id"].tolist() == [4, 5]
    assert gap.status is GapStatus.LOST
    assert gap.reason == "3 of 5 trades are lost: the venue does not have them any more"


def test_what_the_venue_refuses_is_lost_with_its_reason(sequence: TradeSequence) -> None:
    sequence.admit(trades([6]))
    _, (gap,) = sequence.backfill(NOTHING, (3, 5), 100, 1000, "API key needed")
    assert (gap.status, gap.reason) == (GapStatus.LOST, "3 of 3 trades are lost: API key needed")
    assert not sequence.missing


def test_refetched_trades_that_nobody_misses_are_left_out(sequence: TradeSequence) -> None:
    sequence.admit(trades([6]))
    found, gaps = sequence.backfill(trades([1, 2, 6, 7]), (1, 2), 100, 1000, "")
    assert (len(found), gaps) == (0, [])
    assert list(sequence.missing) == ["trade:3"]


def test_one_answer_settles_several_gaps(sequence: TradeSequence) -> None:
    sequence.admit(trades([4, 6]))
    found, gaps = sequence.backfill(trades([3, 4, 5]), (3, 5), 100, 1000, "")
    assert found["trade_id"].tolist() == [3, 5]
    assert [gap.gap_id for gap in gaps] == ["trade:3", "trade:5"]


def test_aggregates_hold_as_many_ids_as_they_count(sequence: TradeSequence) -> None:
    found, gaps, _ = sequence.admit(trades([3, 6, 9], count=3))
    assert (len(found), gaps) == (3, [])
    _, (gap,), _ = sequence.admit(trades([15]))
    assert (gap.first_id, gap.last_id) == (12, 14)
    assert kept(sequence, [12], count=3) == [12]
    assert not sequence.missing


def test_a_gap_of_an_earlier_run_is_taken_up_with_what_arrived_of_it(sequence: TradeSequence) -> None:
    _, (gap,), _ = sequence.admit(trades([8]))
    later = TradeSequence("BTCUSDT")
    later.seed(gap, np.array([4, 6]))
    found, (closed,) = later.backfill(trades([3, 4, 5, 6, 7]), (3, 7), 100, 1000, "")
    assert found["trade_id"].tolist() == [3, 5, 7]
    assert closed.status is GapStatus.FILLED


def test_the_last_trade_of_an_earlier_run_is_followed(sequence: TradeSequence) -> None:
    later = TradeSequence("BTCUSDT")
    later.follow(4, 400)
    _, (gap,), _ = later.admit(trades([7]))
    assert (gap.first_id, gap.last_id, gap.ts_from) == (5, 6, 400)
    sequence.follow(1, 100)  # older than what it has seen itself
    assert sequence.admit(trades([3]))[1] == []


def test_a_gap_too_long_to_be_fetched_again_is_lost_at_once(sequence: TradeSequence) -> None:
    found, (gap,), _ = sequence.admit(trades([2**61]))
    assert (len(found), gap.status, gap.last_id) == (1, GapStatus.LOST, 2**61 - 1)
    assert str(MAX_REFETCHED) in gap.reason
    assert not sequence.missing
    assert sequence.opened == 1


def test_an_id_that_jumps_does_not_make_later_trades_repetitions(sequence: TradeSequence) -> None:
    far = 5 * MAX_REFETCHED
    found, gaps, duplicates = sequence.admit(trades([3, far, 4, 5, 5, 7]))
    assert (found["trade_id"].tolist(), duplicates) == ([3, far, 4, 5, 7], 1)
    told = [(gap.status, gap.first_id, gap.last_id) for gap in gaps]
    assert told == [
        (GapStatus.LOST, 4, far - 1),
        (GapStatus.FILLED, 4, far - 1),
        (GapStatus.OPEN, 6, 6),
    ]
    assert gaps[0].gap_id == gaps[1].gap_id


def test_trades_between_the_last_one_and_an_id_that_went_back_are_fetched_again(sequence: TradeSequence) -> None:
    sequence.admit(trades([5 * MAX_REFETCHED]))
    _, (_, opened), _ = sequence.admit(trades([9]))
    assert (opened.status, opened.first_id, opened.last_id) == (GapStatus.OPEN, 3, 8)


def test_ids_that_begin_again_are_followed(sequence: TradeSequence) -> None:
    assert kept(sequence, range(5 * MAX_REFETCHED, 5 * MAX_REFETCHED + 3)) != []
    sequence.follow(1, 1)
    again = TradeSequence("BTCUSDT")
    again.follow(5 * MAX_REFETCHED, 0)
    assert kept(again, [1, 2, 2, 3]) == [1, 2, 3]
    assert again.missing == {}


def test_a_jump_is_taken_alike_however_trades_are_batched() -> None:
    far = 5 * MAX_REFETCHED
    ids = [1, 2, far, far + 1, 3, 2, 4, 2 * far, 5, far, 6, 9, 7]
    whole = kept(TradeSequence("BTCUSDT"), ids)
    assert whole == [1, 2, far, far + 1, 3, 4, 2 * far, 5, far, 6, 9, 7]
    one_by_one = TradeSequence("BTCUSDT")
    assert [number for trade_id in ids for number in kept(one_by_one, [trade_id])] == whole
