"""What must hold whatever a file contains."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trifecta.capture.importers import ImportSummary, import_file
from trifecta.capture.importers.checks import Last, covered, disorder
from trifecta.capture.importers.numbers import nanoseconds, whole
from trifecta.capture.importers.rows import NUMBER
from trifecta.clock import ManualClock
from warehouse import Lake
from warehouse.sessions import session

from .conftest import NOW_NS, START_MS, spot_trade

ROWS = 30
FIELD = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(["", "0", "-1", "nan", "inf", "1e300", "1e-300", "True", "\r", '"', ",", "9" * 40]),
    st.text(max_size=8),
)
CHANGE = st.tuples(st.integers(0, ROWS - 1), st.integers(0, 12), FIELD)


def run(text: bytes, empty_lake: Path, block_bytes: int) -> tuple[ImportSummary, int]:
    """An import into an empty lake, and how many trades are there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(text)
        lake = Lake(str(shutil.copytree(empty_lake, Path(folder) / "lake")))
        summary = import_file(path, lake=lake, symbol="TRXUSDT", clock=ManualClock(NOW_NS), block_bytes=block_bytes)
        connection = session(lake)
        ((there,),) = connection.execute("select count(*) from trades").fetchall()
        connection.close()
        return summary, there


def check(summary: ImportSummary) -> None:
    assert summary.rows == summary.rows_written + summary.duplicates + summary.rows_quarantined + summary.withheld
    assert sum(refused.faults for refused in summary.quarantined) >= summary.rows_quarantined


def stream_trade(index: int) -> str:
    us = (START_MS + index) * 1000
    return f"{us + 500},trxusdt@trade,trade,{us + 100},{us},TRXUSDT,{1000 + index},0.2312,2619.4,{index % 2},True"


def depth(index: int) -> str:
    us = (START_MS + index // 3 * 100) * 1000
    ids = f"{2000 + 5 * (index // 3)},{2004 + 5 * (index // 3)}"
    return f"{us + 500},trxusdt@depth@100ms,depthUpdate,{us},TRXUSDT,{ids},{index % 2},0.23{index},26.4"


MAKERS = {"public": spot_trade, "stream": stream_trade, "depth": depth}


@pytest.mark.parametrize("layout", MAKERS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(CHANGE, max_size=10), block_bytes=st.sampled_from([2_000, 1 << 20]))
def test_every_row_is_written_or_quarantined_whatever_its_fields_are(
    empty_lake: Path, layout: str, changes: list[tuple[int, int, str]], block_bytes: int
) -> None:
    rows = [MAKERS[layout](index).split(",") for index in range(4 * ROWS)]
    for row, column, value in changes:
        rows[row + ROWS][column % len(rows[0])] = value
    text = "".join(",".join(row) + "\n" for row in rows).encode("utf-8", "surrogatepass")
    lines = sum(1 for line in text.replace(b"\r\n", b"\n").split(b"\n") if line)
    summary, there = run(text, empty_lake, block_bytes)
    check(summary)
    assert summary.rows == lines
    assert summary.rows_written >= 2 * ROWS  # faults do not spread to good rows
    if layout != "depth":
        assert there == summary.rows_written


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cuts=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.binary(max_size=10)), max_size=4),
    block_bytes=st.sampled_from([4_000, 1 << 20]),
)
def test_damaged_json_spoils_no_record_but_its_own(
    empty_lake: Path, cuts: list[tuple[int, int, bytes]], block_bytes: int
) -> None:
    records = [
        {
            "info": {"a": index, "p": "0.00141342", "q": "23.0", "f": index, "l": index, "T": START_MS, "m": True},
            "symbol": "TRX/USDT",
        }
        for index in range(100)
    ]
    text = json.dumps(records, indent=1).encode()
    head, tail = text[:2_000], text[2_000:]  # the first records tell the format
    for place, length, inserted in cuts:
        at = place % len(tail)
        tail = tail[:at] + inserted + tail[at + length :]
    summary, there = run(head + tail, empty_lake, block_bytes)
    check(summary)
    assert there == summary.rows_written >= 100 - 3 * max(len(cuts), 1)


@given(
    numbers=st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9)),
    at_least=st.integers(0, 8),
)
def test_whole_numbers_lose_nothing(numbers: list[object], at_least: int) -> None:
    (found,), scale = whole([pa.chunked_array([pa.array(numbers, NUMBER)])], at_least)
    assert scale >= at_least
    assert found.tolist() == [int(number.scaleb(scale)) for number in numbers]  # type: ignore[attr-defined]


@given(st.integers(1_230_768_000, 4_000_000_000), st.integers(0, 999))
def test_times_mean_the_same_in_every_unit(second: int, fraction: int) -> None:
    ms = second * 1000 + fraction
    assert set(nanoseconds(np.array([ms, ms * 10**3, ms * 10**6])).tolist()) == {ms * 10**6}


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5)), max_size=25)


@given(held=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5))), asked=SPANS)
def test_covered_counts_ids_as_a_set_does(held: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    first, last, end = [], [], 0
    for skip, size in held:
        first.append(end + skip)
        end = first[-1] + size - 1
        last.append(end)
    ids = {one for low, high in zip(first, last, strict=True) for one in range(low, high + 1)}
    low = np.array([start for start, _ in asked], np.int64)
    high = np.array([start + size - 1 for start, size in asked], np.int64)
    found = covered(np.array(first, np.int64), np.array(last, np.int64), low, high)
    assert found.tolist() == [len(ids & set(range(start, start + size))) for start, size in asked]


@given(SPANS, st.integers(-1, 20))
def test_what_is_left_after_disorder_rises_without_overlap(spans: list[tuple[int, int]], floor: int) -> None:
    first = np.array([start for start, _ in spans], np.int64)
    last = np.array([start + size - 1 for start, size in spans], np.int64)
    off = np.zeros(len(spans), bool)
    for _, found in disorder(first, last, Last(1, floor, floor)):
        assert not (off & found).any()
        off |= found
    left_first, left_last = first[~off], last[~off]
    assert (left_first > np.concatenate(([floor], left_last[:-1]))[: len(left_first)]).all()
    if off.any():
        assert len(left_first) >= (1 if (first > floor).any() else 0)
