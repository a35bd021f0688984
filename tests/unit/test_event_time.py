"""Event time: which seconds are over, and which frames are from the future."""

from __future__ import annotations

import numpy as np

from tests.unit.payloads import START
from trifecta.capture.seconds import CLOCK_STEP_FRAMES, MAX_SILENCE_S, EventTime
from trifecta.market.events import Frames, Seconds

S = 1_000_000_000
HOUR = 3600.0


class Line:
    """A connection: frames of (event time, lead of the venue's clock), seconds since START."""

    def __init__(self) -> None:
        self.time = EventTime()
        self.position = 0

    def send(self, *times: float, lead: float = 0.0) -> tuple[Seconds, list[bool]]:
        """Times of 0 stand for frames without one."""
        events = np.array([round((START + time) * S) if time else 0 for time in times], np.int64)
        received = np.array([round((START + time - lead) * S) for time in times], np.int64)
        frames = Frames(self.position, received, [b""] * len(times))
        self.position += len(times)
        seconds, future = self.time.advance(frames, events)
        return seconds, future.tolist()

    def closed(self, *times: float, lead: float = 0.0) -> list[float]:
        """Ends of the seconds that these frames close."""
        return [end / S - START for end in self.send(*times, lead=lead)[0].ends.tolist()]


def test_a_second_closes_by_the_first_frame_behind_it() -> None:
    line = Line()
    assert line.closed(10.2, 10.9) == []
    seconds, _ = line.send(10.95, 11.0, 11.5, 12.3)
    assert seconds.ends.tolist() == [(START + 11) * S, (START + 12) * S]
    assert seconds.positions.tolist() == [3, 5]
    assert seconds.ts_recv.tolist() == [(START + 11) * S, round((START + 12.3) * S)]
    assert seconds.open_end == (START + 13) * S


def test_nothing_is_open_before_the_first_event() -> None:
    line = Line()
    assert line.closed(0, 0) == []
    assert line.time.open_end == 0


def test_frames_without_a_time_close_nothing() -> None:
    line = Line()
    line.send(1.5)
    assert line.closed(0, 0) == []


def test_several_seconds_close_at_once() -> None:
    line = Line()
    line.send(1.5)
    seconds, _ = line.send(4.1)
    assert [end // S - START for end in seconds.ends.tolist()] == [2, 3, 4]
    assert set(seconds.positions.tolist()) == {1}


def test_a_minute_of_silence_is_told_and_a_longer_one_is_a_hole() -> None:
    line = Line()
    line.send(1.5)
    assert len(line.closed(1.5 + MAX_SILENCE_S)) == MAX_SILENCE_S
    assert line.closed(1.5 + 2 * MAX_SILENCE_S + 1) == [2 + MAX_SILENCE_S]
    assert line.closed(1.5 + 2 * MAX_SILENCE_S + 2) == [3 + 2 * MAX_SILENCE_S]


def test_late_frames_close_nothing_and_are_believed() -> None:
    line = Line()
    line.send(5.5)
    assert line.send(3.2, 4.9)[0].ends.tolist() == []
    assert line.send(3.2)[1] == [False]


def test_a_clock_behind_the_venue_breaks_nothing() -> None:
    line = Line()
    assert line.send(1.1, 1.6, lead=1.26)[1] == [False, False]
    assert line.closed(2.1, lead=1.24) == [2]
    assert line.closed(3.1, lead=1.28) == [3]


def test_a_frame_an_hour_ahead_is_from_the_future_and_closes_nothing() -> None:
    line = Line()
    line.send(1.5, lead=1.26)
    seconds, future = line.send(1.6 + HOUR, lead=HOUR)
    assert (seconds.ends.tolist(), future) == ([], [True])
    assert line.send(1.7, lead=1.26)[1] == [False]
    assert line.closed(2.1, lead=1.26) == [2]


def test_the_fastest_frame_so_far_sets_what_is_ahead() -> None:
    line = Line()
    assert line.send(1.0, 1.1, lead=0.0)[1] == [False, False]
    assert line.send(1.2, lead=5.0)[1] == [False]
    assert line.send(1.3, lead=10.0)[1] == [False]
    assert line.send(1.4, lead=15.1)[1] == [True]


def test_our_clock_set_back_by_an_hour_is_understood_after_some_frames() -> None:
    line = Line()
    line.send(1.0)
    times = [1.0 + number / 100 for number in range(1, CLOCK_STEP_FRAMES + 2)]
    assert line.send(*times, lead=HOUR)[1] == [True] * CLOCK_STEP_FRAMES + [False]
    assert line.closed(2.5, lead=HOUR) == [2]


def test_our_clock_set_forward_by_an_hour_changes_nothing() -> None:
    line = Line()
    line.send(1.0)
    assert line.send(1.5, 2.5, lead=-HOUR)[1] == [False, False]


def test_any_batching_closes_the_same_seconds() -> None:
    times = [1.2, 0, 1.9, 2.0, 1.1, 7.3, 7.2, 7.2 + HOUR, 8.0, 90.5, 0, 91.5]
    together, apart = Line(), Line()
    seconds, future = together.send(*times)
    parts = [apart.send(time) for time in times]
    for name in ("positions", "ends", "ts_recv"):
        assert getattr(seconds, name).tolist() == [value for part, _ in parts for value in getattr(part, name).tolist()]
    assert future == [flag for _, flags in parts for flag in flags]


def test_a_first_frame_from_the_future_does_not_hold_time_still() -> None:
    line = Line()
    assert line.send(1.5, lead=-HOUR)[1] == [False]
    line = Line()
    assert line.send(10.0, lead=HOUR)[1] == [True]
    assert line.time.open_end == 0
    assert line.closed(11.5, 12.5) == [12.0]


def test_a_clock_that_is_an_hour_behind_from_the_start_is_believed_in_the_end() -> None:
    line = Line()
    times = [10.0 + number for number in range(CLOCK_STEP_FRAMES + 2)]
    _, future = line.send(*times, lead=HOUR)
    assert future == [True] * CLOCK_STEP_FRAMES + [False, False]
