"""Batches into the journal: each once, whatever is repeated, skipped, late or killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mt5.terminal import OFFSET_S, bar, batch, ticks
from trifecta.capture import journal, pushes
from trifecta.capture.pushes import Change, Pushed, Pushes, Taken, TooManyRowsError, read_line
from trifecta.clock import ManualClock
from trifecta.errors import DataError
from trifecta.market.mt5 import MAX_ROWS, read_bars, read_ticks, warehouse_venue


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal" / pushes.FOLDER


def send(taker: Pushes, body: bytes) -> Taken:
    return taker.take(body, read_bars(body) if b'"bars"' in body else read_ticks(body))


def lines(folder: Path) -> list[Pushed]:
    payloads = [payload for frames in journal.read(folder) for payload in frames.payloads]
    return [line for line in map(read_line, payloads) if isinstance(line, Pushed)]


def opened(folder: Path, clock: ManualClock) -> Pushes:
    return Pushes.open(folder, clock, fsync_s=1.0)


def test_a_batch_is_stored_once_however_often_it_is_sent(folder: Path, clock: ManualClock) -> None:
    taker = opened(folder, clock)
    first = [send(taker, ticks(1)), send(taker, ticks(1)), send(taker, batch(2, bars=[bar(1)])), send(taker, ticks(2))]
    taker.close()
    assert [(taken.accepted, taken.duplicate) for taken in first] == [(10, False), (0, True), (1, False), (0, True)]
    assert [(line.of, bytes(line.batch)) for line in lines(folder)] == [
        ("ticks", ticks(1)),
        ("bars", batch(2, bars=[bar(1)])),
    ]


@pytest.mark.parametrize("checkpoint_frames", [1, 3, 1000])
def test_a_restart_remembers_every_sequence(
    folder: Path, clock: ManualClock, checkpoint_frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushes, "CHECKPOINT_FRAMES", checkpoint_frames)
    for sequence in range(1, 8):
        taker = opened(folder, clock)
        taken = [send(taker, ticks(known)) for known in range(1, sequence + 1)]
        taker.close()
        assert [found.duplicate for found in taken] == [True] * (sequence - 1) + [False]
    assert [line.changes for line in lines(folder)] == [[]] * 7


def test_skipped_sequences_are_told_and_may_still_come(folder: Path, clock: ManualClock) -> None:
    taker = opened(folder, clock)
    sent = [1, 5, 3, 3, 2, 4, 4]
    found = [send(taker, ticks(sequence)).duplicate for sequence in sent]
    taker.close()
    assert found == [False, False, False, True, False, False, True]
    since = clock.now_ns()
    assert [line.changes for line in lines(folder)] == [
        [],
        [Change("push", "lost", 2, 4, since)],
        [Change("push", "lost", 2, 2, since), Change("push", "lost", 4, 4, since)],
        [Change("push", "filled", 2, 2, since)],
        [Change("push", "filled", 4, 4, since)],
    ]
    assert [line.late for line in lines(folder)] == [False, False, True, True, True]


def test_rows_that_the_terminal_dropped_are_told_once(folder: Path, clock: ManualClock) -> None:
    taker = opened(folder, clock)
    for sequence, dropped in ((1, 0), (2, 7), (3, 7), (4, 9)):
        send(taker, ticks(sequence, dropped=dropped))
    taker.close()
    told = [change[:4] for line in lines(folder) for change in line.changes]
    assert told == [("dropped", "lost", 1, 7), ("dropped", "lost", 8, 9)]


def test_sessions_do_not_mix(folder: Path, clock: ManualClock) -> None:
    taker = opened(folder, clock)
    other = "fedcba9876543210"
    assert not send(taker, ticks(1)).duplicate
    assert not send(taker, ticks(1, session=other)).duplicate
    assert send(taker, ticks(1, session=other)).duplicate
    taker.close()


def test_the_servers_offset_is_taken_as_told_else_from_the_newest_tick(folder: Path, clock: ManualClock) -> None:
    taker = opened(folder, clock)
    assert send(taker, ticks(1, server_utc_offset_s=7200)).offset_s == 7200
    unknown = "aaaaaaaaaaaaaaaa"
    assert send(taker, ticks(1, session=unknown, server_utc_offset_s=None)).offset_s == OFFSET_S
    clock.advance(450)  # the tick is now 8 minutes old: it tells nothing, what is known stays
    assert send(taker, ticks(2, session=unknown, server_utc_offset_s=None)).offset_s == OFFSET_S
    stale = "bbbbbbbbbbbbbbbb"
    assert send(taker, ticks(1, session=stale, server_utc_offset_s=None)).offset_s is None
    taker.close()
    assert [line.measured for line in lines(folder)] == [False, True, True, True]
    assert [line.note_offset for line in lines(folder)] == [True, True, False, False]


def test_too_many_rows_are_refused(folder: Path, clock: ManualClock) -> None:
    taker = opened(folder, clock)
    with pytest.raises(TooManyRowsError, match=r"2001 rows.*2000"):
        send(taker, ticks(1, numbers=range(MAX_ROWS + 1)))
    assert send(taker, ticks(1, numbers=range(MAX_ROWS))).accepted == MAX_ROWS
    taker.close()


def test_a_journal_that_is_begun_anew_has_a_name_of_its_own(tmp_path: Path, clock: ManualClock) -> None:
    for name in ("one", "two"):
        opened(tmp_path / name, clock).close()
    first = pushes.identity(tmp_path / "one")
    assert first == pushes.identity(tmp_path / "one") != pushes.identity(tmp_path / "two")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", "Expected `object`"),
        (b"{", "truncated"),
        (ticks(0), r"sequence.*found '0'"),
        (ticks(1, session="XYZ"), r"session.*found 'XYZ'"),
        (batch(1, ticks=[["EURUSD", 1, 1.0, 1.1, 0, 0]]), r"ticks\[0\]"),
        (batch(1, ticks=[["EURUSD", 1, "1.0", 1.1, 0, 0, 6]]), r"ticks\[0\]\[2\].*found '1.0'"),
        (ticks(1, surprise=1), "surprise"),
        (b'{"a":' * 2000, "(?i)recursion|unknown field"),
    ],
)
def test_what_is_no_batch_is_refused_with_field_and_value(body: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_ticks(body)


@pytest.mark.parametrize(
    ("server", "venue"),
    [
        ("MetaQuotes-Demo", "mt5_metaquotes_demo"),
        ("SIM-Trifecta", "sim_mt5_trifecta"),
        ("../../Ünsafe  Name", "mt5_nsafe_name"),
        ("---", "mt5_unnamed"),
        ("SimpleFX-Live", "mt5_simplefx_live"),
    ],
)
def test_a_server_has_one_plain_name_in_the_warehouse(server: str, venue: str) -> None:
    assert warehouse_venue(server) == venue
