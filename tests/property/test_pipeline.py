"""The rows follow from the frames alone: how they were batched, and what comes later, changes none of them."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.streams import INSTRUMENTS, stream
from trifecta import venues
from trifecta.capture.pipeline import Pipeline
from trifecta.market.events import Frames

Bytes = dict[str, bytes]
LENGTH = 500
SEEDS = st.integers(0, 2**32)
few = settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])  # a seed does not shrink


def part(frames: Frames, start: int, stop: int) -> Frames:
    return Frames(frames.first_position + start, frames.ts_recv[start:stop], frames.payloads[start:stop])


def rows(frames: Frames, cuts: list[int]) -> dict[str, pa.Table]:
    """Rows of each table with the place of each, from batches that end at `cuts`."""
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    for start, stop in zip([0, *cuts], [*cuts, len(frames.payloads)], strict=True):
        pipeline.process(part(frames, start, stop))
    return {name: table.append_column("at", pa.array(at)) for name, (table, at) in pipeline.take().tables.items()}


def as_bytes(tables: dict[str, pa.Table]) -> Bytes:
    return {name: _bytes(table) for name, table in sorted(tables.items())}


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        # Slices and chunks of equal rows are equal only once they are copied into one.
        writer.write_table(table.take(np.arange(table.num_rows)).combine_chunks())
    return sink.getvalue().to_pybytes()


@few
@given(SEEDS)
def test_any_batching_gives_the_same_rows_to_the_last_bit(seed: int) -> None:
    frames = stream(seed, LENGTH)
    random = Random(seed)  # noqa: S311
    whole = rows(frames, [])
    assert set(whole) >= {"trades", "quotes", "bars", "book_top", "orderflow_1s", "gaps", "quarantine", "clock_offsets"}
    expected = as_bytes(whole)
    assert as_bytes(rows(frames, sorted(random.sample(range(1, LENGTH), 12)))) == expected
    assert as_bytes(rows(frames, sorted(random.sample(range(1, LENGTH), 200)))) == expected


@few
@given(SEEDS, st.integers(LENGTH // 4, LENGTH - 1))
def test_no_row_knows_what_comes_after_it(seed: int, cut: int) -> None:
    frames, other = stream(seed, LENGTH), stream(seed + 1, LENGTH)
    changed = Frames(
        0,
        np.concatenate([frames.ts_recv[:cut], other.ts_recv[cut:] + 10**12]),
        frames.payloads[:cut] + other.payloads[cut:],
    )
    expected = as_bytes(rows(part(frames, 0, cut), []))
    before = {name: table.filter(pa.compute.less(table["at"], cut)) for name, table in rows(changed, []).items()}
    assert as_bytes({name: table for name, table in before.items() if table.num_rows}) == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_taking_rows_in_between_loses_and_repeats_none(seed: int) -> None:
    frames = stream(seed, LENGTH)
    expected = rows(frames, [])
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    taken: dict[str, list[pa.Table]] = {}
    for start in range(0, LENGTH, 100):
        pipeline.process(part(frames, start, start + 100))
        for name, (table, _) in pipeline.take().tables.items():
            taken.setdefault(name, []).append(table)
    for name, table in expected.items():
        mine = pa.concat_tables(taken[name])
        assert sorted(map(str, mine.to_pylist())) == sorted(map(str, table.drop_columns("at").to_pylist()))


@pytest.mark.parametrize("seed", [3, 4])
def test_every_frame_is_counted(seed: int) -> None:
    frames = stream(seed, LENGTH)
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    pipeline.process(frames)
    totals = pipeline.totals()
    tables = pipeline.take().tables
    answers = sum(payload.startswith(b'{"rest"') for payload in frames.payloads)
    refetched = sum(int(frames.payloads[at].startswith(b'{"rest"')) for at in tables["trades"][1].tolist())
    bars = sum(b"@kline_1m" in payload for payload in frames.payloads)
    events = totals["trades"] - refetched + totals["quotes"] + totals["book_updates"] + totals["duplicates"]
    assert totals["frames"] == LENGTH == events + bars + answers + totals["quarantined"]
    assert totals["trades"] == tables["trades"][0].num_rows
    assert totals["quarantined"] == tables["quarantine"][0].num_rows
