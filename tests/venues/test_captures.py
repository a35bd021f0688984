"""Every venue's recorded capture: all of it read, its books in agreement with the venue's own checksums and quotes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import recorded
from tests.unit.payloads import frames
from trifecta import venues
from trifecta.capture.pipeline import Pipeline
from trifecta.market.events import Frames
from trifecta.venues.venue import Venue


def capture(name: str) -> tuple[Venue, Frames]:
    """The venue as the capture was subscribed to it, and its frames."""
    lines = recorded.captured(name)
    spoken = venues.venue(name)
    if name == "kraken" and spoken.book:  # a thousand levels were asked for, and trades bore no ids in those days
        spoken = replace(spoken, book=replace(spoken.book, depth=1000), trades_follow=False)
    stamps = np.maximum.accumulate(np.array([stamp for stamp, _ in lines]) + np.arange(len(lines)))
    return spoken, frames(*[payload for _, payload in lines], ts_recv=stamps.tolist())


def run(name: str, batches: int = 1) -> Pipeline:
    spoken, (_, stamps, payloads) = capture(name)
    pipeline = Pipeline(spoken, name, spoken.instruments(name, payloads))
    for rows in np.array_split(np.arange(len(payloads)), batches):
        pipeline.process(Frames(int(rows[0]), stamps[rows], [payloads[row] for row in rows]))
    return pipeline


@pytest.mark.parametrize("venue", list(venues.VENUES))
def test_every_venue_has_a_recording(venue: str) -> None:
    assert venue in {**recorded.SAMPLES, **recorded.CAPTURES}, f"name a recording of {venue} in tests/recorded.py"
    payloads = [payload for _, payload in recorded.lines(venue)]
    assert venues.detect(payloads) == venue


@pytest.mark.parametrize(
    ("venue", "expected"),
    [
        ("kraken", {"frames": 4430, "trades": 10, "quotes": 828, "book_updates": 4279, "book_checks": 4269}),
        ("okx", {"frames": 410, "trades": 71, "quotes": 232, "book_updates": 290, "book_checks": 290}),
        ("coinbase", {"frames": 9946, "trades": 97, "quotes": 1778, "book_updates": 9729, "book_checks": 0}),
        ("bitfinex", {"frames": 1693, "trades": 0, "quotes": 492, "book_updates": 1600}),
        ("bitstamp", {"frames": 747, "trades": 10, "quotes": 0, "book_updates": 717}),  # its whole books came by REST
        ("bybit", {"frames": 4440, "trades": 241, "quotes": 1972, "book_updates": 4278}),
        ("huobi", {"frames": 362, "trades": 73, "quotes": 292, "book_updates": 292}),
        ("upbit", {"frames": 449, "trades": 304, "quotes": 145, "book_updates": 145}),
    ],
)
def test_the_whole_capture_is_read(venue: str, expected: dict[str, int]) -> None:
    totals = run(venue).totals()
    assert {name: totals[name] for name in expected} == expected
    assert totals["quarantined"] == totals["book_mismatches"] == totals["gaps"] == 0


@pytest.mark.parametrize("venue", list(recorded.CAPTURES))
def test_any_batching_gives_the_same_rows(venue: str) -> None:
    whole, parts = run(venue).take().tables, run(venue, batches=37).take().tables
    assert whole.keys() == parts.keys()
    for name, (table, _) in whole.items():
        assert sorted(map(repr, table.to_pylist())) == sorted(map(repr, parts[name][0].to_pylist())), name


def test_a_lost_frame_breaks_the_book_that_its_checksum_no_longer_fits() -> None:
    spoken, (_, stamps, payloads) = capture("okx")
    lost = next(row for row, payload in enumerate(payloads) if b'"update"' in payload and b'"BTC-USDT"' in payload)
    pipeline = Pipeline(spoken, "okx", spoken.instruments("okx", payloads))
    pipeline.process(Frames(0, np.delete(stamps, lost), payloads[:lost] + payloads[lost + 1 :]))
    assert not pipeline.feeds["BTC-USDT"].book.valid
    assert pipeline.feeds["UNI-USD-SWAP"].book.valid
    (gaps, _) = pipeline.take().tables["gaps"]
    assert gaps["symbol"].to_pylist() == ["BTC-USDT"]
    assert gaps["status"].to_pylist() == ["lost"]
