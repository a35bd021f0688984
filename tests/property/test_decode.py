"""Whatever arrives, decoding raises nothing, and every frame is accounted for."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import recorded
from tests.unit.payloads import (
    START,
    answer,
    depth,
    frame,
    frames,
    kline,
    past_trades,
    quote,
    snapshot,
    trade,
)
from trifecta import venues
from trifecta.capture.pipeline import Pipeline
from trifecta.market.instruments import Instrument

INSTRUMENTS = {
    "BTCUSDT": Instrument("binance", "BTCUSDT", 2, 5),
    "BTCUSD_PERP": Instrument("binance_coinm", "BTCUSD_PERP", 1, 0),
}
REAL = [payload for venue in venues.VENUES for _, payload in recorded.lines(venue)] + [
    trade(1),
    quote(1),
    depth(1, 2, [("61837.63", "1")], [("61837.64", "0")]),
    kline(),
    kline(closed=False),
    snapshot(5),
    past_trades(1, 2, [(1, START)]),
    answer("klines", [[1499040000000, "1", "1", "1", "1", "1", 1499040059999, "1", 1, "1", "1", "0"]] * 2),
    answer("time", {"serverTime": 1723161256260}, sent=1),
    answer("exchangeInfo", {"symbols": []}),
    frame("btcusdt@forceOrder", x=1),
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**31, 2**53, 2**62, 2**63, 10**12, 10**13, 10**15, 10**18]),
    st.floats().map(str),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-10, 10**6, places=2).map(str),
    st.text(max_size=8),
    st.lists(st.tuples(st.text("0123456789.-e", max_size=6), st.floats().map(str)), max_size=3),
)


@st.composite
def with_a_value_changed(draw: st.DrawFn) -> bytes:
    """A real frame, one of whose values is another."""
    payload = msgspec.json.decode(draw(st.sampled_from(REAL)))
    at = payload
    while True:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inner = at[key]
        if not isinstance(inner, (dict, list)) or not inner or draw(st.integers(0, 4)) == 0:
            break
        at = inner
    at[key] = draw(VALUES)
    return msgspec.json.encode(payload)


@st.composite
def with_bytes_changed(draw: st.DrawFn) -> bytes:
    """A real frame cut, or with some bytes replaced."""
    payload = draw(st.sampled_from(REAL))
    start = draw(st.integers(0, len(payload)))
    end = draw(st.integers(start, min(start + 8, len(payload))))
    return payload[:start] + draw(st.binary(max_size=8)).replace(b"\n", b"") + payload[end:]


# No journal line holds a line end.
LINES = st.one_of(
    st.sampled_from(REAL),
    with_a_value_changed(),
    with_bytes_changed(),
    st.binary(max_size=60).map(lambda b: b.replace(b"\n", b"")),
)
BATCHES = st.lists(LINES, min_size=1, max_size=12)


@settings(max_examples=200, derandomize=True)
@given(BATCHES)
def test_every_frame_is_an_event_an_answer_a_fault_or_a_bar_that_is_open(payloads: list[bytes]) -> None:
    decoded = venues.venue("binance").decode(frames(*payloads), INSTRUMENTS)
    places = [item.position for item in (*decoded.quarantined, *decoded.answers)]
    for events in decoded.symbols.values():
        for kind in (events.trades, events.quotes, events.depth, events.bars):
            places += kind["position"].tolist()
            assert np.all(np.diff(kind["position"]) > 0)
    assert len(places) == len(set(places))
    for position in set(range(len(payloads))) - set(places):
        data = msgspec.json.decode(payloads[position].decode("utf-8", "replace"))["data"]
        assert not (data["k"]["x"] is True and data["k"]["i"] == "1m")


@settings(max_examples=100, derandomize=True)
@given(BATCHES)
def test_each_frame_means_the_same_alone_as_among_others(payloads: list[bytes]) -> None:
    venue = venues.venue("binance")
    together = venue.decode(frames(*payloads), INSTRUMENTS)
    alone = [
        venue.decode(frames(payload, first_position=at, ts_recv=[START * 10**9 + 1_000_000 * at]), INSTRUMENTS)
        for at, payload in enumerate(payloads)
    ]
    assert together.event_times.tolist() == [int(one.event_times[0]) for one in alone]
    assert together.answers == [item for one in alone for item in one.answers]
    found = sorted((item.position, item.reason, item.detail, item.payload) for item in together.quarantined)
    assert found == sorted(
        (item.position, item.reason, item.detail, item.payload) for one in alone for item in one.quarantined
    )
    for symbol, events in together.symbols.items():
        for kind in ("trades", "quotes", "bars"):
            rows = [getattr(one.symbols[symbol], kind) for one in alone if symbol in one.symbols]
            assert getattr(events, kind).tolist() == np.concatenate(rows).tolist()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(BATCHES, min_size=1, max_size=3))
def test_no_frame_stops_the_pipeline_and_all_of_it_can_be_taken(batches: list[list[bytes]]) -> None:
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    position = 0
    for payloads in batches:
        pipeline.process(frames(*payloads, first_position=position))
        position += len(payloads)
    rows = pipeline.take()
    assert rows.last_position == position - 1
    assert pipeline.totals()["frames"] == position
    for table, positions in rows.tables.values():
        assert table.num_rows == len(positions)
        assert table.validate(full=True) is None
        assert ((positions >= 0) & (positions < position)).all()
