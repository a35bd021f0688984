"""From the journal of pushes to the lake: each row once, at whatever moment anything is killed."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from tests.mt5.terminal import OFFSET_S, SESSION, START_S, VENUE, bar, batch, tick, ticks
from trifecta.capture import pushed, pushes
from trifecta.capture.heartbeat import Heartbeat
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import Pushes
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.market.mt5 import read_bars, read_ticks
from trifecta.settings import Settings
from warehouse import Lake, session
from warehouse.quality import run_checks

OTHER = "fedcba9876543210"


def push(settings: Settings, clock: ManualClock, *bodies: bytes) -> None:
    """Sends batches to a receiver that is started for them and ends behind them."""
    taker = Pushes.open(settings.journal_dir / pushes.FOLDER, clock, fsync_s=1.0)
    for body in bodies:
        taker.take(body, read_bars(body) if b'"bars"' in body else read_ticks(body))
        clock.advance(0.01)
    taker.close()


def commit(settings: Settings, clock: ManualClock) -> PushedJournal:
    """Commits what is in the journal, as a recorder that has just been started."""
    found = PushedJournal(settings, pushes.FOLDER, clock)
    found.commit_new()
    assert not found.problem
    return found


def ask(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    with session(Lake(settings.lake)) as connection:
        return connection.execute(sql).fetchall()


def quotes(settings: Settings) -> list[tuple[object, ...]]:
    return ask(
        settings,
        "select venue, symbol, epoch_ms(ts_event)::bigint, bid, ask from quotes order by ts_event, symbol, update_id",
    )


def expected(*numbers: int) -> list[tuple[object, ...]]:
    rows = [tick(number) for number in numbers]
    return [(VENUE, row[0], row[1] - OFFSET_S * 1000, row[2], row[3]) for row in rows]


def test_ticks_and_bars_stand_in_the_warehouse_in_utc(settings: Settings, clock: ManualClock) -> None:
    push(settings, clock, ticks(1), batch(2, bars=[bar(1), bar(2)]))
    commit(settings, clock)
    assert quotes(settings) == expected(*range(10, 20))
    (first, second) = ask(
        settings,
        'select venue, symbol, "interval", epoch(ts_open)::bigint, epoch(ts_close)::bigint, open, high, low, close, '
        "trades, volume from bars order by ts_open",
    )
    opened = START_S - 199 * 900
    assert first == (VENUE, "EURUSD", "15m", opened, opened + 900, 1.09217, 1.09301, 1.0918, 1.09295, 2211, 0.0)
    assert second[3] == opened + 900
    assert ask(settings, "select venue, offset_ns, round_trip_ns from clock_offsets") == [
        (VENUE, OFFSET_S * NS_PER_S, 0)
    ]
    with session(Lake(settings.lake)) as connection:
        assert [check.name for check in run_checks(connection) if check.rows] == []


def test_restarts_between_any_two_steps_change_nothing(settings: Settings, clock: ManualClock) -> None:
    """A terminal repeats whatever may not have arrived; receiver and recorder are started anew again and again."""
    order, keeper, held = random.Random(7), None, 0  # noqa: S311  a fixed order of events
    for sequence in range(1, 20):
        for repeat in range(max(1, sequence - order.randrange(3)), sequence + 1):
            push(settings, clock, ticks(repeat))
        if order.random() < 0.5:
            keeper = commit(settings, clock)
        elif keeper is not None:
            keeper.commit_new(mark=order.random() < 0.5)
            held += 1
    commit(settings, clock)
    assert held
    assert quotes(settings) == expected(*range(10, 200))
    assert ask(settings, "select * from gaps") == ask(settings, "select * from quarantine") == []


def test_a_recorder_killed_between_the_tables_of_a_commit_goes_on(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(settings, clock, ticks(1), batch(2, bars=[bar(1)]), ticks(4), ticks(5, numbers=[50, 3]))
    tables = ["bars", "clock_offsets", "quarantine", "quotes", "gaps"]
    written = Lake.append
    for dying in tables:

        def append(self: Lake, name: str, *rest: object, dying: str = dying, **more: object) -> int:
            if name == dying:
                raise OSError("killed")
            return written(self, name, *rest, **more)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(Lake, "append", append)
            found = PushedJournal(settings, pushes.FOLDER, clock)
            found.commit_new()
            assert "killed" in found.problem
    commit(settings, clock)
    commit(settings, clock)
    assert quotes(settings) == expected(*range(10, 20), *range(40, 50), 50)
    assert len(ask(settings, "select * from bars")) == len(ask(settings, "select * from gaps")) == 1


def test_bad_ticks_stand_in_quarantine_with_their_reason(settings: Settings, clock: ManualClock) -> None:
    bad = [
        ("crossed", tick(1, bid=1.1, ask=1.0)),
        ("crossed", tick(2, bid=1.1, ask=1.1)),
        ("not_positive", tick(3, bid=-1.1)),
        ("not_positive", tick(4, ask=0.0)),
        ("not_finite", [*tick(5)[:2], None, 1.1, 0, 0, 6]),
        ("off_tick", tick(6, bid=1.092171)),
        ("off_tick", tick(6, bid=1e300, ask=1e301)),
        ("unknown_symbol", tick(7, symbol="NOTTOLD")),
        ("no_time", ["EURUSD", 7, 1.1, 1.2, 0, 0, 6]),
        ("from_the_future", ["EURUSD", (START_S + OFFSET_S + 3600) * 1000, 1.1, 1.2, 0, 0, 6]),
        ("out_of_order", tick(0)),
    ]
    push(settings, clock, batch(1, ticks=[tick(1), *(row for _, row in bad), tick(8)]))
    found = commit(settings, clock)
    assert quotes(settings) == expected(1, 8)
    told = ask(settings, "select reason from quarantine")
    assert sorted(str(row[0]) for row in told) == sorted(reason for reason, _ in bad)
    assert found._rows is not None
    assert found._rows.counts["quarantined"] == len(bad)


def test_bad_bars_stand_in_quarantine(settings: Settings, clock: ManualClock) -> None:
    good = bar(1)
    wrong = [
        [*good[:1], "M7", *good[2:]],
        [*good[:3], 2.0, *good[4:]],
        [*good[:2], START_S + OFFSET_S - 60, *good[3:]],
        [*good[:3], None, *good[4:]],
        [*good[:7], -1, *good[8:]],
    ]
    push(settings, clock, batch(1, bars=[good, *wrong]))
    commit(settings, clock)
    assert len(ask(settings, "select * from bars")) == 1
    told = sorted(str(row[0]) for row in ask(settings, "select reason from quarantine"))
    assert told == ["from_the_future", "malformed", "malformed", "malformed", "not_finite"]


def test_a_skipped_batch_is_a_gap_until_it_comes(settings: Settings, clock: ManualClock) -> None:
    push(settings, clock, ticks(1), ticks(4))
    commit(settings, clock)
    gaps = "select symbol, stream, status, first_id, last_id from gaps order by first_id"
    assert ask(settings, gaps) == [("all", f"push/{SESSION}", "lost", 2, 3)]
    push(settings, clock, ticks(2), ticks(3))
    commit(settings, clock)
    assert quotes(settings) == expected(*range(10, 50))
    assert ask(settings, gaps) == [
        ("all", f"push/{SESSION}", "filled", 2, 2),
        ("all", f"push/{SESSION}", "filled", 3, 3),
    ]


def test_what_another_session_sends_too_is_there_once(settings: Settings, clock: ManualClock) -> None:
    push(settings, clock, ticks(1), batch(2, bars=[bar(1), bar(2)]))
    commit(settings, clock)
    again = {"session": OTHER}
    push(settings, clock, ticks(1, numbers=range(15, 25), **again), batch(2, bars=[bar(1), bar(2), bar(3)], **again))
    commit(settings, clock)
    assert quotes(settings) == expected(*range(10, 25))
    assert len(ask(settings, "select * from bars")) == 3
    assert ask(settings, "select * from quarantine") == []


def test_two_prices_in_one_millisecond_are_both_kept_over_a_restart(settings: Settings, clock: ManualClock) -> None:
    push(settings, clock, batch(1, ticks=[tick(1)]))
    commit(settings, clock)
    push(settings, clock, batch(2, ticks=[tick(1, bid=1.09, ask=1.1), tick(1)]))
    commit(settings, clock)
    assert [row[3] for row in quotes(settings)] == [tick(1)[2], 1.09]


def test_garbage_in_the_journal_stops_nothing(settings: Settings, clock: ManualClock) -> None:
    push(settings, clock, ticks(1))
    writer = pushes.JournalWriter.open(settings.journal_dir / pushes.FOLDER)
    writer.append([(clock.now_ns(), b"garbage"), (clock.now_ns(), b'{"kind":"batch"}')])
    writer.close()
    push(settings, clock, ticks(2))
    commit(settings, clock)
    assert quotes(settings) == expected(*range(10, 30))
    assert ask(settings, "select venue, stream, reason from quarantine") == [("mt5_unnamed", "push", "malformed")] * 2


def test_the_recorder_reports_the_journal(settings: Settings, clock: ManualClock) -> None:
    assert not (settings.run_dir / "recorder-mt5_push.json").exists()
    commit(settings, clock)
    assert not (settings.run_dir / "recorder-mt5_push.json").exists()  # nobody pushes: nothing to report
    push(settings, clock, ticks(1))
    commit(settings, clock)
    beat = msgspec.json.decode((settings.run_dir / "recorder-mt5_push.json").read_bytes(), type=Heartbeat)
    assert (beat.connected, beat.frames, beat.problem) == (True, 1, "")


def test_a_lake_that_cannot_be_written_loses_nothing(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(settings, clock, ticks(1))
    found = PushedJournal(settings, pushes.FOLDER, clock)

    def refuse(*_: object, **__: object) -> int:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", refuse)
        found.commit_new()
        assert "no room" in found.problem
    push(settings, clock, ticks(2))
    found.commit_new()
    assert not found.problem
    assert quotes(settings) == expected(*range(10, 30))


def test_days_that_are_remembered_are_told_by_the_files(settings: Settings, clock: ManualClock) -> None:
    push(settings, clock, ticks(1))
    commit(settings, clock)
    newest, _ = pushed.known(Lake(settings.lake))
    (key,) = newest
    assert (key.venue, key.symbol) == (VENUE, "EURUSD")
    assert newest[key].ts_event == (START_S * 1000 + 1900) * 1_000_000


def test_nothing_is_made_where_no_terminal_pushes(settings: Settings, clock: ManualClock) -> None:
    commit(settings, clock)
    assert not Path(settings.lake).exists()
