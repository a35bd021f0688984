"""Event time of one connection: which frames are to be believed, and when a second is over.

A second closes when any frame of the connection carries a later time, so a quiet instrument closes its seconds by its
neighbours' frames, and a dead connection closes nothing. It all depends on the journal alone: replay gives the same.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from trifecta.market.events import Frames, Seconds

Int64s = npt.NDArray[np.int64]

SECOND = 1_000_000_000
TOLERANCE = 5 * SECOND  # further ahead of the fastest frame so far than this: from the future
FIRST_TOLERANCE = 60 * SECOND  # the first frame has none before it: further ahead of our clock than this
CLOCK_STEP_FRAMES = 50  # this many of them in a row: our clock is behind, not their frames wrong
MAX_SILENCE_S = 60  # seconds without any frame are told up to this many; a longer silence is a hole

_NEWEST, _LEAD, _RUN = range(3)
_NONE = np.empty(0, np.int64)


class EventTime:
    """The event time of a connection so far."""

    def __init__(self) -> None:
        self._state = np.array([0, FIRST_TOLERANCE - TOLERANCE, 0], np.int64)

    @property
    def open_end(self) -> int:
        """End of the second that is open, ns; 0 before the first event."""
        newest = int(self._state[_NEWEST])
        return (newest // SECOND + 1) * SECOND if newest else 0

    def advance(self, frames: Frames, event_times: Int64s) -> tuple[Seconds, npt.NDArray[np.bool_]]:
        """Seconds that these frames closed, and which frames are from the future.

        Args:
            event_times: (frames,) ns, 0 where a frame has none.
        """
        before = self.open_end
        newest = np.zeros(len(event_times), np.int64)
        future = np.zeros(len(event_times), np.bool_)
        _advance(self._state, frames.ts_recv, event_times, newest, future)
        if self.open_end == before:
            return Seconds(_NONE, _NONE, _NONE, before), future
        ends = np.where(newest > 0, (newest // SECOND + 1) * SECOND, 0)
        previous = np.concatenate([[before], ends[:-1]])
        closing = np.flatnonzero((ends > previous) & (previous > 0))
        # A long silence closes the second that was open and no more.
        told = (ends[closing] - previous[closing]) // SECOND
        counts = np.where(told > MAX_SILENCE_S, 1, told)
        frame = np.repeat(closing, counts)
        step = np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts, counts)
        return (
            Seconds(
                frames.first_position + frame, previous[frame] + step * SECOND, frames.ts_recv[frame], self.open_end
            ),
            future,
        )


@numba.njit(cache=True)
def _advance(state, ts_recv, event_times, newest, future):  # type: ignore[no-untyped-def]
    for frame in range(len(event_times)):
        time = event_times[frame]
        if time > 0:
            lead = time - ts_recv[frame]
            if lead > state[_LEAD] + TOLERANCE and state[_RUN] < CLOCK_STEP_FRAMES:
                future[frame] = True
                state[_RUN] += 1
            else:
                state[_RUN] = 0
                state[_LEAD] = max(state[_LEAD], lead) if state[_NEWEST] > 0 else lead
                state[_NEWEST] = max(state[_NEWEST], time)
        newest[frame] = state[_NEWEST]
