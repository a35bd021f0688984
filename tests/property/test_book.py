"""A book that says it is valid is the venue's book, whatever the feed dropped, repeated or delayed.

The oracle is the venue itself: a plain dict of every level at every update id, from which changes and snapshots are
cut. No rule of sequences is written down here a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.capture.book import Book
from trifecta.market.events import DEPTH, LEVEL, LEVELS

Side = dict[int, int]
State = tuple[Side, Side]
NEAR = 20_000  # ticks from the best price within which every level is told, unless the spread is as wide
JUMP = 2_000_000  # ticks, several windows
NO_MOMENT = np.empty(0, np.int64)


class Market:
    """One level changes with each update id; `states[id]` is the whole book after it."""

    def __init__(self, random: Random, updates: int) -> None:
        self.random = random
        self.middle = random.randrange(3 * JUMP, 4 * JUMP)
        self.changes: list[tuple[int, int, int]] = [(0, 0, 0)]  # by id: side, price, size
        self.states: list[State] = [({}, {})]
        for level in range(25):
            self._set(0, self.middle - 1 - level, 5)
            self._set(1, self.middle + 1 + level, 5)
        while len(self.states) < updates:
            self._step()

    @property
    def last_id(self) -> int:
        return len(self.states) - 1

    def _set(self, side: int, price: int, qty: int) -> None:
        state = self.states[-1]
        book = (dict(state[0]), dict(state[1]))
        if qty:
            book[side][price] = qty
        else:
            book[side].pop(price, None)
        self.changes.append((side, price, qty))
        self.states.append(book)

    def _step(self) -> None:
        draw = self.random.random()
        side = self.random.randrange(2)
        sign = (-1, 1)[side]
        if draw < 0.01:
            self._jump()
        elif draw < 0.02:
            for price in list(self.states[-1][side]):
                self._set(side, price, 0)
        elif draw < 0.08:
            self._set(side, self.middle + sign * self.random.randrange(JUMP // 4, JUMP), self.random.randrange(9))
        elif draw < 0.12:
            self._drift(self.random.randrange(-30_000, 30_000))
        else:
            self._set(side, self.middle + sign * self.random.randrange(1, 60), self.random.randrange(4))

    def _jump(self) -> None:
        """The market reopens far away; what rested near is gone, what rested far stays where nothing crosses it."""
        to = self.middle + self.random.choice((-JUMP, JUMP, JUMP // 3, -JUMP // 3))
        self._drift(max(to, 2 * JUMP) - self.middle)

    def _drift(self, by: int) -> None:
        self.middle += by
        bids, asks = self.states[-1]
        for price in [price for price in bids if price >= self.middle]:
            self._set(0, price, 0)
        for price in [price for price in asks if price <= self.middle]:
            self._set(1, price, 0)
        self._set(0, self.middle - 1, 7)
        self._set(1, self.middle + 1, 7)

    def cut(self, first_id: int, last_id: int) -> State:
        """Levels that changed with the ids `first_id..last_id`, as they are after the last."""
        sides: State = ({}, {})
        for side, price, _ in self.changes[first_id : last_id + 1]:
            sides[side][price] = self.states[last_id][side].get(price, 0)
        return sides


def levels(*sides: Side) -> np.ndarray:
    return np.array([row for side in sides for row in side.items()], LEVEL)


def change(
    market: Market, position: int, first_id: int, last_id: int, previous_id: int
) -> tuple[np.ndarray, np.ndarray]:
    bids, asks = market.cut(first_id, last_id)
    row = (position, 0, 0, first_id, last_id, previous_id, 0, len(bids), len(asks))
    return np.array([row], DEPTH), levels(bids, asks)


def segments(market: Market, *, futures: bool) -> Iterator[tuple[int, int, int]]:
    """(first id, last id, previous id) of one socket's changes."""
    last = 0
    while last < market.last_id:
        first, previous = last + 1, last
        last = min(market.last_id, last + market.random.choice((1, 1, 2, 5, 20)))
        yield first, last, previous if futures else -1


def joined(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """One batch of several changes."""
    depth = np.concatenate([part[0] for part in parts])
    depth["first_level"] = np.cumsum([0] + [len(part[1]) for part in parts[:-1]])
    return depth, np.concatenate([part[1] for part in parts])


def assert_true(book: Book, market: Market) -> None:
    """Looks at every level, which is slow, one time in five."""
    if book.valid and market.random.random() < 0.2:
        assert book.levels() == market.states[book.last_id]


def assert_top(top: np.void, book: Book, market: Market) -> None:
    bids, asks = market.states[book.last_id]
    if not top["valid"]:
        # A spread wider than what the book holds in view is told as no top.
        assert not (book.valid and bids and asks and min(asks) - max(bids) < NEAR)
        return
    assert book.valid
    wide = min(asks) - max(bids) >= NEAR
    for name, truth in (("bid", sorted(bids.items(), reverse=True)), ("ask", sorted(asks.items()))):
        prices, sizes = top[f"{name}_price"].tolist(), top[f"{name}_qty"].tolist()
        told = [(price, qty) for price, qty in zip(prices, sizes, strict=True) if price]
        assert told == truth[: len(told)]
        near = [row for row in truth[:LEVELS] if abs(row[0] - truth[0][0]) < NEAR]
        assert wide or len(told) >= len(near)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), futures=st.booleans(), sockets=st.integers(1, 2), loss=st.sampled_from([0.0, 0.02]))
def test_a_valid_book_is_the_venues_book(seed: int, *, futures: bool, sockets: int, loss: float) -> None:
    random = Random(seed)  # noqa: S311
    market = Market(random, 400)
    book = Book()
    feed = sorted(
        (
            (last, number, first, previous)
            for number in range(sockets)
            for first, last, previous in segments(market, futures=futures)
        ),
        key=lambda item: item[:2],
    )
    for position, (last, _, first, previous) in enumerate(feed):
        if random.random() < loss:
            continue
        if random.random() < (0.3 if book.waits_for_snapshot else 0.02):
            at = min(max(0, last + random.choice((-300, -40, -3, 0, 3, 40))), market.last_id)
            book.load(at, *map(levels, market.states[at]))
            assert_true(book, market)
        for _ in range(random.choice((1, 1, 1, 2))):
            applied = book.apply(*change(market, position, first, last, previous), np.array([position, position + 1]))
            assert_true(book, market)
            assert_top(applied.tops[1], book, market)
            for best in applied.bests:
                bids, asks = market.states[best["update_id"]]
                assert (best["bid"], best["bid_qty"]) == max(bids.items())
                assert (best["ask"], best["ask_qty"]) == min(asks.items())


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), futures=st.booleans())
def test_without_loss_one_snapshot_is_enough_forever(seed: int, *, futures: bool) -> None:
    random = Random(seed)  # noqa: S311
    market = Market(random, 300)
    book = Book()
    feed = list(segments(market, futures=futures))
    held = random.randrange(1, len(feed))
    at = random.randrange(60, max(61, feed[held][1]))
    for position, item in enumerate(feed):
        if position == held:
            book.load(at, *map(levels, market.states[at]))
        applied = book.apply(*change(market, position, *item), NO_MOMENT)
        assert applied.breaks == []
    if all(market.states[at]):
        assert book.valid
        assert book.last_id == market.last_id
        assert book.levels() == market.states[-1]


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), futures=st.booleans())
def test_any_batching_gives_the_same_book_at_each_moment(seed: int, *, futures: bool) -> None:
    random = Random(seed)  # noqa: S311
    market = Market(random, 300)
    feed = [change(market, position, *item) for position, item in enumerate(segments(market, futures=futures))]
    feed = [part for part in feed if random.random() > 0.02]
    positions = [int(part[0]["position"][0]) for part in feed]
    moments = np.array(sorted(random.choices(positions, k=10)), np.int64)
    told = []
    for cuts in ([0, len(feed)], range(len(feed) + 1), sorted({0, len(feed), *random.choices(range(len(feed)), k=5)})):
        book = Book()
        book.load(60, *map(levels, market.states[60]))
        found = []
        for start, stop in zip(cuts, list(cuts)[1:], strict=False):
            end = positions[stop] if stop < len(feed) else positions[-1] + 1
            mine = moments[(moments >= positions[start]) & (moments < end)]
            found.append(book.apply(*joined(feed[start:stop]), mine))
        breaks = [at for part in found for at in part.breaks]
        told.append(
            (
                np.concatenate([part.tops for part in found]).tobytes(),
                np.concatenate([part.bests for part in found]).tobytes(),
                breaks,
                book.valid,
            )
        )
    assert told[0] == told[1] == told[2]


def start(last_id: int = 10, bid: int = 100, ask: int = 102) -> Book:
    book = Book()
    book.load(last_id, levels({bid: 5}), levels({ask: 5}))
    return book


def one(first_id: int, last_id: int, bids: Side, asks: Side, previous_id: int = -1) -> tuple[np.ndarray, np.ndarray]:
    row = (first_id, 7, 9, first_id, last_id, previous_id, 0, len(bids), len(asks))
    return np.array([row], DEPTH), levels(bids, asks)


def test_a_book_is_not_valid_before_the_first_change_behind_its_snapshot() -> None:
    book = start()
    assert (book.valid, book.waits_for_snapshot) == (False, False)
    book.apply(*one(9, 10, {100: 6}, {}), NO_MOMENT)
    assert not book.valid
    book.apply(*one(10, 11, {100: 7}, {}), NO_MOMENT)
    assert book.valid
    assert book.levels() == ({100: 7}, {102: 5})


@pytest.mark.parametrize(("first", "last", "previous"), [(12, 13, -1), (13, 15, 12)])
def test_a_missing_change_breaks_a_valid_book_and_names_the_ids(first: int, last: int, previous: int) -> None:
    book = start()
    book.apply(*one(11, 11, {100: 7}, {}, previous if previous < 0 else 10), NO_MOMENT)
    if previous < 0:
        first += 1
    applied = book.apply(*one(first, last, {100: 8}, {}, previous), np.array([0, 99]))
    (at,) = applied.breaks
    assert (at.expected_id, at.got_id, at.crossed) == (12, 13, False)
    assert (at.ts_recv, at.ts_event) == (7, 9)
    assert applied.tops["valid"].tolist() == [1, 0]
    assert book.waits_for_snapshot


def test_a_snapshot_that_does_not_reach_the_changes_leaves_the_book_waiting() -> None:
    book = Book()
    book.apply(*one(20, 21, {100: 7}, {}), NO_MOMENT)
    book.load(10, levels({100: 5}), levels({102: 5}))
    assert book.waits_for_snapshot


def test_a_change_that_crosses_the_book_breaks_it() -> None:
    book = start()
    applied = book.apply(*one(11, 12, {102: 1}, {}), NO_MOMENT)
    assert [at.crossed for at in applied.breaks] == [True]
    assert book.waits_for_snapshot


@pytest.mark.parametrize("side", [0, 1])
def test_a_price_far_beyond_the_other_side_breaks_it_too(side: int) -> None:
    book = start(bid=JUMP, ask=JUMP + 2)
    sides: tuple[Side, Side] = ({}, {})
    sides[side][2 * JUMP if side == 0 else 5] = 1
    applied = book.apply(*one(11, 12, *sides), NO_MOMENT)
    assert [at.crossed for at in applied.breaks] == [True]
    assert book.waits_for_snapshot


def test_a_market_that_reopens_windows_away_is_followed() -> None:
    book = start(bid=JUMP, ask=JUMP + 2)
    applied = book.apply(*one(11, 12, {JUMP: 0, 2 * JUMP: 3}, {JUMP + 2: 0, 2 * JUMP + 5: 4}), np.array([99]))
    assert applied.tops["valid"].tolist() == [1]
    assert applied.bests.tolist() == [(12, 2 * JUMP, 3, 2 * JUMP + 5, 4)]


def test_an_emptied_side_has_no_top_and_comes_back() -> None:
    book = start()
    tops = [
        book.apply(*one(number, number, bids, {}), np.array([99])).tops[0]
        for number, bids in ((11, {100: 0}), (12, {99: 2}))
    ]
    assert [int(top["valid"]) for top in tops] == [0, 1]
    assert int(tops[1]["bid_price"][0]) == 99


def test_a_fresh_snapshot_is_compared_with_the_book_it_replaces() -> None:
    def loaded(qty: int) -> bool | None:
        book = start()
        book.apply(*one(11, 12, {100: 7}, {}), NO_MOMENT)
        return book.load(12, levels({100: qty}), levels({102: 5})).same

    assert (loaded(7), loaded(8)) == (True, False)


def test_a_snapshot_without_one_side_is_no_book() -> None:
    book = Book()
    book.load(10, levels({100: 5}), levels({102: 0}))
    assert book.waits_for_snapshot
