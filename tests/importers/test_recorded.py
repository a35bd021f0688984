"""Files that others recorded from the venue, whole and with faults put in by hand."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest

from trifecta.capture import journal
from trifecta.capture.importers import ImportSummary, describe, detect
from trifecta.market.quarantine import Reason

from .conftest import Ask, Import

pytestmark = pytest.mark.recorded

HOUR_NS = 3600 * 10**9


@pytest.fixture
def lasota(recorded: Path) -> dict[str, Path]:
    folder = recorded / "binance_lasota"
    name = "test_{}_binance_{}_stream_spot_trxusdt_04-03-2025.csv.gz"
    return {
        f"{sort} {kind}": folder / name.format(sort, file)
        for sort in ("positive", "negative")
        for kind, file in (("trades", "trade"), ("depth", "difference_depth"))
    }


@pytest.fixture
def aggregates(recorded: Path) -> Path:
    return recorded / "binance_trades_freqtrade" / "XRP_OLD-trades.json.gz"


def named(summary: ImportSummary) -> set[tuple[int, Reason]]:
    """Rows and reasons of everything that was not believed."""
    return {(example.row, refused.reason) for refused in summary.quarantined for example in refused.examples}


def test_freqtrade_aggregates_are_taken_in_whole_and_without_a_gap(aggregates: Path, take: Import, ask: Ask) -> None:
    summary = take(aggregates)
    assert (summary.format, summary.source, summary.symbol) == ("freqtrade_trades", "binance", "XRPETH")
    assert (summary.rows, summary.rows_written, summary.rows_quarantined, summary.gaps) == (12_477, 12_477, 0, 0)
    assert (summary.last_ns - summary.first_ns) / HOUR_NS == pytest.approx(59.3, abs=0.05)
    assert ask("select count(*), count(*) filter (side = 'sell'), sum(trade_count) from trades") == [
        (12_477, 5_953, 15_388_189 - 15_373_518 + 1)
    ]


def test_freqtrade_aggregates_keep_the_venues_exact_numbers(aggregates: Path, take: Import, ask: Ask) -> None:
    take(aggregates)
    with gzip.open(aggregates) as source:
        infos = [trade["info"] for trade in json.load(source)]
    expected = [
        (info["f"], info["l"] - info["f"] + 1, info["T"] * 10**6, float(info["p"]), float(info["q"])) for info in infos
    ]
    assert ask("select trade_id, trade_count, epoch_ns(ts_event), price, qty from trades order by trade_id") == expected


def test_recorded_trades_keep_microseconds_and_receive_times(lasota: dict[str, Path], take: Import, ask: Ask) -> None:
    summary = take(lasota["positive trades"])
    assert (summary.format, summary.symbol) == ("binance_stream_trades", "TRXUSDT")
    assert (summary.rows_written, summary.rows_quarantined, summary.gaps) == (10_000, 0, 0)
    first = "select trade_id, epoch_ns(ts_event), epoch_ns(ts_recv), price, qty, side from trades order by 1 limit 1"
    assert ask(first) == [(348656870, 1741046401271497000, 1741046401272286000, 0.2312, 2619.4, "sell")]


def test_each_fault_put_into_the_trades_is_named_and_nothing_else(
    lasota: dict[str, Path], take: Import, ask: Ask
) -> None:
    summary = take(lasota["negative trades"])
    assert named(summary) == {(3, Reason.DUPLICATE_ID), (10_000, Reason.FROM_THE_FUTURE)}
    assert (summary.rows_written, summary.rows_quarantined) == (9_998, 2)
    stored = ask("select reason, detail, payload from quarantine order by reason")
    assert [reason for reason, _, _ in stored] == ["duplicate_id", "from_the_future"]
    assert "id 348656871" in stored[0][1]
    assert "1741132734000000" in stored[1][1]
    assert stored[0][2].startswith("1741046401926777,trxusdt@trade,")


def test_a_person_is_told_what_became_of_every_row(lasota: dict[str, Path], take: Import) -> None:
    assert describe(take(lasota["negative trades"])) == [
        f"{lasota['negative trades'].name}: binance_stream_trades, TRXUSDT at binance",
        "  10,000 rows = 9,998 written + 2 quarantined",
        "  from 2025-03-04 00:00:01+00:00 to 2025-03-04 00:47:59+00:00",
        "  quarantined 1 x duplicate_id",
        "    row 3: id 348656871, expected each id once",
        "  quarantined 1 x from_the_future",
        "    row 10000: receive_time 1741132734000000 is 23.2 h behind the event, expected 0.0 h as around it",
        "  1 gaps: what they lack is in neither the file nor the lake",
    ]


def test_the_id_that_a_duplicate_displaced_stands_in_gaps_as_lost(
    lasota: dict[str, Path], take: Import, ask: Ask
) -> None:
    take(lasota["negative trades"])
    assert ask("select stream, status, first_id, last_id from gaps") == [("trade", "lost", 348656872, 348656872)]


def test_the_whole_file_fills_the_gap_of_the_faulty_one(lasota: dict[str, Path], take: Import, ask: Ask) -> None:
    take(lasota["negative trades"])
    summary = take(lasota["positive trades"])
    assert (summary.rows_written, summary.duplicates, summary.gaps_filled) == (2, 9_998, 1)
    assert ask("select status from gaps") == [("filled",)]
    assert ask("select count(*), count(distinct trade_id) from trades") == [(10_000, 10_000)]


def test_the_faulty_file_adds_no_gap_to_a_lake_that_holds_the_trade(
    lasota: dict[str, Path], take: Import, ask: Ask
) -> None:
    take(lasota["positive trades"])
    assert take(lasota["negative trades"]).gaps == 0
    assert ask("select count(*) from gaps") == [(0,)]


def test_recorded_depth_becomes_a_recording_that_is_whole(lasota: dict[str, Path], take: Import, ask: Ask) -> None:
    summary = take(lasota["positive depth"])
    assert (summary.format, summary.rows_written, summary.withheld, summary.gaps) == (
        "binance_stream_depth",
        9_999,
        0,
        0,
    )
    assert named(summary) == {(10_000, Reason.FROM_THE_FUTURE)}  # the file's author moved its last row to 23:59:56
    assert summary.recording is not None
    frames = [payload for batch in journal.read_file(summary.recording) for payload in batch.payloads]
    updates = [json.loads(frame)["data"] for frame in frames]
    assert len(updates) == 2_832
    assert all(later["U"] == earlier["u"] + 1 for earlier, later in pairwise(updates))
    assert sum(len(update["b"]) + len(update["a"]) for update in updates) == 9_999
    assert updates[0] == {
        "e": "depthUpdate",
        "E": 1741046400062507,
        "s": "TRXUSDT",
        "U": 5434434562,
        "u": 5434434566,
        "b": [["0.23110000", "804627.70000000"]],
        "a": [["0.23130000", "260867.40000000"], ["0.23140000", "557393.70000000"], ["0.23320000", "15137.10000000"]],
    }


def test_each_fault_put_into_the_depth_is_named_and_nothing_else(
    lasota: dict[str, Path], take: Import, ask: Ask
) -> None:
    summary = take(lasota["negative depth"])
    assert named(summary) == {
        (1, Reason.NO_TIME),
        (1, Reason.NOT_POSITIVE),
        (8, Reason.FROM_THE_FUTURE),
        (8, Reason.OUT_OF_ORDER),
        (9, Reason.OUT_OF_ORDER),
        (10_000, Reason.FROM_THE_FUTURE),
    }
    assert (summary.rows_written, summary.withheld, summary.rows_quarantined) == (9_993, 3, 4)
    details = {detail for (detail,) in ask("select detail from quarantine")}
    for part in (
        "event_time 0,",
        "price -1,",
        "event_time 1741046400464222",
        "first_id 5434434571",
        "1741132800000000",
    ):
        assert any(part in detail for detail in details)


def test_half_an_update_is_withheld_and_stands_in_gaps(lasota: dict[str, Path], take: Import, ask: Ask) -> None:
    take(lasota["negative depth"])
    assert ask("select stream, status, first_id, last_id from gaps order by first_id") == [
        ("depth", "lost", 5434434562, 5434434566),
        ("depth", "lost", 5434434570, 5434434571),
    ]


@pytest.mark.parametrize("kind", ["positive trades", "negative trades", "positive depth", "negative depth"])
@pytest.mark.parametrize("block_bytes", [700, 100_003])
def test_the_size_of_blocks_changes_nothing(
    lasota: dict[str, Path], take: Import, kind: str, block_bytes: int, tmp_path: Path
) -> None:
    if block_bytes == 700:  # as many commits as rows would be: a part of the file shows it
        with gzip.open(lasota[kind], "rt") as source:
            lines = source.read().splitlines()
        path = tmp_path / "part.csv"
        path.write_text("\n".join([*lines[:60], lines[-1]]) + "\n")
    else:
        path = lasota[kind]
    whole = take(path, recordings=tmp_path / "whole", source="binance")
    parts = take(path, recordings=tmp_path / "parts", source="binance_usdm", block_bytes=block_bytes)
    assert named(parts) == named(whole)
    assert (parts.rows, parts.rows_quarantined, parts.withheld) == (whole.rows, whole.rows_quarantined, whole.withheld)
    if whole.recording and parts.recording:
        assert list_frames(parts.recording) == list_frames(whole.recording)


def list_frames(path: Path) -> list[bytes]:
    return [payload for batch in journal.read_file(path) for payload in batch.payloads]


def test_formats_are_told_by_content_whatever_the_file_is_called(
    lasota: dict[str, Path], aggregates: Path, tmp_path: Path
) -> None:
    for path, expected in (
        (lasota["positive trades"], "binance_stream_trades"),
        (lasota["negative depth"], "binance_stream_depth"),
        (aggregates, "freqtrade_trades"),
    ):
        renamed = tmp_path / "file"
        renamed.write_bytes(path.read_bytes())
        assert detect(renamed) == expected
