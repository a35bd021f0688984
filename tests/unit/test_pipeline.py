"""Frames in, rows out: what each kind of frame does to gaps, book, bars, quarantine and the order of things."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.payloads import SPOT, START, answer, depth, frames, kline, past_trades, quote, snapshot, trade
from trifecta import venues
from trifecta.capture.pipeline import Pipeline
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Reason

NS = 1_000_000_000
ETH = Instrument("binance", "ETHUSDT", 2, 4)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(venues.venue("binance"), "binance", {"BTCUSDT": SPOT})


def process(pipeline: Pipeline, *payloads: bytes) -> None:
    first = pipeline.last_position + 1
    stamps = [START * NS + (first + row) * 1_000_000 for row in range(len(payloads))]
    pipeline.process(frames(*payloads, first_position=first, ts_recv=stamps))


def column(pipeline: Pipeline, table: str, name: str) -> list[object]:
    tables = pipeline.take().tables
    return tables[table][0][name].to_pylist() if table in tables else []


def rows(pipeline: Pipeline, table: str) -> pa.Table:
    return pipeline.take().tables[table][0]


def test_a_gap_and_the_answer_that_fills_it_may_come_in_one_batch(pipeline: Pipeline) -> None:
    process(pipeline, trade(1), trade(4), past_trades(2, 3, [(2, START), (3, START)]), trade(5), trade(7))
    tables = pipeline.take().tables
    assert tables["trades"][0]["trade_id"].to_pylist() == [1, 4, 2, 3, 5, 7]
    assert tables["gaps"][0]["status"].to_pylist() == ["open", "filled", "open"]
    assert [gap.first_id for gap in pipeline.open_gaps.values()] == [6]
    assert pipeline.totals()["gaps"] == 2


def test_a_refused_backfill_is_a_lost_gap(pipeline: Pipeline) -> None:
    process(pipeline, trade(1), trade(4))
    process(pipeline, answer("historicalTrades", None, first_id=2, last_id=3, error="API key needed"))
    told = rows(pipeline, "gaps").to_pylist()
    assert [(gap["status"], gap["gap_id"]) for gap in told] == [("open", "trade:2"), ("lost", "trade:2")]
    assert told[1]["reason"] == "2 of 2 trades are lost: API key needed"
    assert pipeline.open_gaps == {}


def test_of_two_bars_of_one_minute_the_first_to_come_is_kept(pipeline: Pipeline) -> None:
    opened = START * 1000
    row = [opened, "61837.63", "61840", "61830", "61838", "9", opened + 59_999, "1", 12, "1.5", "1", "0"]
    process(pipeline, trade(1, at=START + 60), kline(), answer("klines", [row, row]), kline(START - 60))
    assert rows(pipeline, "bars")["volume"].to_pylist() == [350_000, 350_000]
    process(pipeline, kline())
    assert column(pipeline, "bars", "volume") == []


def test_a_frame_from_the_future_is_quarantined_with_how_far_ahead_it_is(pipeline: Pipeline) -> None:
    process(pipeline, trade(1, at=START), trade(2, at=START + 3600), trade(3, at=START + 0.5))
    (told,) = rows(pipeline, "quarantine").to_pylist()
    assert (told["reason"], told["symbol"], told["stream"]) == (Reason.FROM_THE_FUTURE, "BTCUSDT", "trades")
    assert "3599.999 s ahead" in told["detail"]
    assert pipeline.totals()["trades"] == 2


def test_a_book_that_breaks_is_a_gap_and_wants_a_snapshot(pipeline: Pipeline) -> None:
    assert pipeline.wanted_snapshots == {"BTCUSDT"}
    process(pipeline, snapshot(10), depth(11, 12, [("61837.62", "2")]))
    assert pipeline.wanted_snapshots == set()
    process(pipeline, depth(15, 16))
    assert pipeline.wanted_snapshots == {"BTCUSDT"}
    (gap,) = rows(pipeline, "gaps").to_pylist()
    assert (gap["stream"], gap["status"], gap["first_id"], gap["last_id"]) == ("depth", "lost", 13, 14)
    process(pipeline, snapshot(16))
    assert pipeline.wanted_snapshots == set()


def test_a_quote_is_checked_against_the_book_of_its_id(pipeline: Pipeline) -> None:
    process(pipeline, snapshot(10), quote(12), depth(11, 12, [("61837.62", "2")]))
    process(pipeline, depth(13, 13, [("61837.63", "3")]), quote(13))
    process(pipeline, depth(14, 14))
    totals = pipeline.totals()
    assert (totals["book_checks"], totals["book_mismatches"]) == (2, 1)


def test_old_quotes_are_left_out(pipeline: Pipeline) -> None:
    process(pipeline, quote(5), quote(4), quote(5), quote(6))
    assert column(pipeline, "quotes", "update_id") == [5, 6]
    assert pipeline.totals()["duplicates"] == 2


def test_seconds_close_for_a_quiet_symbol_by_its_neighbours_frames() -> None:
    pipeline = Pipeline(venues.venue("binance"), "sim_binance", {"ETHUSDT": ETH, "BTCUSDT": SPOT})
    process(pipeline, trade(1, at=START), trade(2, at=START + 1.5))
    closed = pipeline.seconds()
    assert [(row.venue, row.symbol, row.ts_event) for row in closed] == [
        ("sim_binance", "ETHUSDT", (START + 1) * NS),
        ("sim_binance", "BTCUSDT", (START + 1) * NS),
    ]
    assert (closed[0].trades, closed[1].trades, closed[1].last_price) == (0, 1, 61837.63)
    assert pipeline.seconds() == []


def test_clock_offsets_are_rows(pipeline: Pipeline) -> None:
    process(pipeline, answer("time", {"serverTime": START * 1000 + 1260}, sent=START * NS - 20_000_000))
    assert rows(pipeline, "clock_offsets").to_pylist()[0]["offset_ns"] == 1_270_000_000


def test_answers_that_cannot_be_read_are_quarantined_and_the_gap_stays_open(pipeline: Pipeline) -> None:
    process(pipeline, trade(1), trade(3))
    process(
        pipeline,
        answer("historicalTrades", {"code": -1}, first_id=2, last_id=2),
        answer("depth", {"lastUpdateId": 1, "bids": [["2", "1"]], "asks": [["1", "1"]]}),
        answer("klines", [[1, 2]]),
        answer("time", {}),
        answer("depth", {}).replace(b"BTCUSDT", b"XRPUSDT"),
    )
    told = rows(pipeline, "quarantine").to_pylist()
    assert [item["stream"] for item in told] == ["historicalTrades", "depth", "klines", "time", "depth"]
    assert [item["reason"] for item in told] == ["malformed"] * 4 + ["unknown_symbol"]
    assert len(pipeline.open_gaps) == 1


def test_a_bad_trade_of_an_answer_is_named_and_lost(pipeline: Pipeline) -> None:
    process(pipeline, trade(1), trade(3), past_trades(2, 2, [(2, START)], price="-1"))
    tables = pipeline.take().tables
    assert tables["quarantine"][0]["reason"].to_pylist() == ["not_positive"]
    assert tables["gaps"][0]["status"].to_pylist() == ["open", "lost"]


def test_every_row_tells_the_frame_it_came_from(pipeline: Pipeline) -> None:
    process(pipeline, trade(1), quote(1), trade(3), b"bad", snapshot(5), depth(6, 7), trade(4, at=START + 1))
    taken = pipeline.take()
    at = {name: positions.tolist() for name, (_, positions) in taken.tables.items()}
    assert at == {
        "trades": [0, 2, 6],
        "quotes": [1],
        "gaps": [2],
        "quarantine": [3],
        "orderflow_1s": [6],
        "book_top": [6],
    }
    assert taken.last_position == 6
    assert taken.total == 8
    assert pipeline.take().tables == {}


def test_what_an_earlier_run_left_is_taken_up(pipeline: Pipeline) -> None:
    process(pipeline, trade(1), trade(5))
    (gap,) = pipeline.open_gaps.values()
    later = Pipeline(venues.venue("binance"), "binance", {"BTCUSDT": SPOT})
    later.seed_gap(gap, np.array([3]))
    later.seed_bars("BTCUSDT", np.array([START * NS]))
    later.seed_trade("BTCUSDT", 5, START * NS)
    process(later, past_trades(2, 4, [(2, START), (3, START), (4, START)]), kline(), trade(7))
    tables = later.take().tables
    assert tables["trades"][0]["trade_id"].to_pylist() == [2, 4, 7]
    assert "bars" not in tables
    assert tables["gaps"][0]["status"].to_pylist() == ["filled", "open"]


def test_ids_that_jump_once_cost_no_later_trade_quote_or_feature(pipeline: Pipeline) -> None:
    far = 10**12
    process(pipeline, trade(1), quote(1), trade(far), quote(far))
    process(pipeline, *(trade(number, at=START + number / 10) for number in range(2, 20)), quote(2), quote(2), quote(3))
    assert [row.trades for row in pipeline.seconds()] == [10]
    tables = pipeline.take().tables
    assert tables["trades"][0]["trade_id"].to_pylist() == [1, far, *range(2, 20)]
    assert tables["quotes"][0]["update_id"].to_pylist() == [1, far, 2, 3]
