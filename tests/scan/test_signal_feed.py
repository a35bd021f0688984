"""A feed of binary signals: read, refused, left in peace when it fails, stored once, and worth less than it claims."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from loguru import logger

from trifecta.bus import Publisher
from trifecta.capture import signals
from trifecta.capture.breaker import FAILURES, FIRST_PAUSE_S, Breaker
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import identity
from trifecta.capture.signals import SignalFeed, SignalRows, feed_url, known_ids
from trifecta.clock import NS_PER_MS, NS_PER_S, ManualClock
from trifecta.emulator import signals as emulated
from trifecta.emulator.mt5_market import GeneratedForex
from trifecta.errors import SettingsError, VenueError
from trifecta.market.events import BinarySignal
from trifecta.market.quarantine import Reason
from trifecta.settings import Settings, load
from trifecta.venues import pocket
from warehouse import Lake, session

START_MS = 1_723_161_600_000
NOW = START_MS * NS_PER_MS


def item(number: int = 1, **changed: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "pair": "EURUSD", "direction": "CALL", "probability": 72.5, "expiry": 60,
            "timestamp": START_MS, "payout": 0.8} | changed  # fmt: skip


def body(*items: Any) -> bytes:
    return msgspec.json.encode({"signals": list(items)})


def test_a_signal_is_read_with_its_units() -> None:
    (found,), refused = pocket.read(body(item()), "pocket", NOW + NS_PER_S)
    assert refused == []
    assert found == BinarySignal("pocket", "EURUSD", "s1", NOW, NOW + NS_PER_S, 1, 0.725, 60, 0.8)
    (put,), _ = pocket.read(body(item(direction="PUT", pair="eurusd_otc")), "pocket", NOW)
    assert (put.direction, put.symbol) == (-1, "EURUSD_OTC")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"direction": "UP"}, Reason.MALFORMED),
        ({"probability": 101}, Reason.MALFORMED),
        ({"probability": "72"}, Reason.MALFORMED),
        ({"expiry": 0}, Reason.MALFORMED),
        ({"pair": "../x"}, Reason.MALFORMED),
        ({"payout": -1}, Reason.MALFORMED),
        ({"timestamp": START_MS + 60_000}, Reason.FROM_THE_FUTURE),
        ({"timestamp": START_MS - 7_200_000}, Reason.NO_TIME),
    ],
)
def test_a_bad_signal_is_refused_and_harms_no_other(wrong: dict[str, Any], reason: Reason) -> None:
    found, refused = pocket.read(body(item(1), item(2, **wrong), 7, item(3)), "pocket", NOW)
    assert [one.signal_id for one in found] == ["s1", "s3"]
    assert [one.reason for one in refused] == [reason, Reason.MALFORMED]


@pytest.mark.parametrize("garbage", [b"", b"[]", b"{}", b"\xff\xfe", b'{"signals":7}'])
def test_what_is_no_answer_of_a_feed_is_refused_whole(garbage: bytes) -> None:
    found, refused = pocket.read(garbage, "pocket", NOW)
    assert (found, [one.reason for one in refused]) == ([], [Reason.MALFORMED])


def test_the_breaker_opens_after_failures_and_lets_one_try_through() -> None:
    clock = ManualClock(NOW)
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        assert not breaker.fail()
    assert not breaker.is_open
    assert breaker.fail()
    assert breaker.is_open
    clock.advance(FIRST_PAUSE_S)
    assert not breaker.is_open
    assert breaker.fail()  # in vain: twice the pause
    clock.advance(FIRST_PAUSE_S)
    assert breaker.is_open
    clock.advance(FIRST_PAUSE_S)
    assert not breaker.is_open
    breaker.succeed()
    assert not breaker.fail()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load(data_dir=tmp_path / "data", scan={"binary": {"feed_s": 0.01}})


def test_each_signal_is_stored_once_over_restarts(settings: Settings) -> None:
    clock, answers = ManualClock(NOW), [body(item(1)), body(item(1), item(2)), b"garbage", body(item(2), item(3))]
    for answer in answers:
        folder = settings.journal_dir / pocket.NAME
        with JournalWriter.open(folder) as journal:
            identity(folder)
            journal.append([(clock.now_ns(), answer)])
        clock.advance(1)
        lake_of = PushedJournal(
            settings, pocket.NAME, clock, lambda lake: SignalRows("sim_pocket", known_ids(lake, "sim_pocket"))
        )
        lake_of.commit_new()
        assert not lake_of.problem
    with session(Lake(settings.lake)) as connection:
        stored = connection.execute(
            "select signal_id, direction, probability from binary_signals order by 1"
        ).fetchall()
        assert stored == [("s1", "call", 0.725), ("s2", "call", 0.725), ("s3", "call", 0.725)]
        assert connection.execute("select stream, reason from quarantine").fetchall() == [("signal", "malformed")]


@pytest.fixture
async def feed() -> AsyncIterator[tuple[str, list[web.Response]]]:
    """A feed that answers what stands in a list, the last of it again and again."""
    answers: list[Any] = []

    async def answer(_: web.Request) -> web.Response:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(body=found) if isinstance(found, bytes) else web.Response(status=found)

    app = web.Application()
    app.router.add_get("/signals", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/signals", answers
    await runner.cleanup()


async def test_a_feed_that_fails_is_skipped_with_a_warning_and_comes_back(
    settings: Settings, feed: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, answers = feed
    clock = ManualClock(NOW)
    answers += [503, 503, 503, body(item())]
    warnings: list[str] = []
    sink = logger.add(warnings.append, level="WARNING", format="{message}")
    monkeypatch.setattr(signals, "feed_url", lambda _: url)
    heard: list[BinarySignal] = []
    with Publisher("tcp://127.0.0.1:1") as publisher:
        monkeypatch.setattr(publisher, "signal", heard.append)
        work = asyncio.create_task(SignalFeed(settings, publisher, clock).run())
        async with asyncio.timeout(30):
            while not warnings:  # noqa: ASYNC110  the feed tells nobody when it is done
                await asyncio.sleep(0.01)
            assert not heard
            clock.advance(FIRST_PAUSE_S)
            while not heard:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    logger.remove(sink)
    assert len(warnings) == 1
    assert "skipped for a while" in warnings[0]
    assert [one.signal_id for one in heard] == ["s1"]


async def test_a_feed_that_is_away_or_wrong_is_told(feed: tuple[str, list[Any]]) -> None:
    url, answers = feed
    answers.append(404)
    with pytest.raises(VenueError, match="answered 404"):
        await asyncio.to_thread(pocket.fetch, url)
    with pytest.raises(SettingsError, match="feed_url"):
        pocket.fetch("ftp://somewhere")
    with pytest.raises(VenueError, match="does not answer"):
        pocket.fetch("http://127.0.0.1:1/signals")


def test_the_live_market_has_no_feed_of_its_own(tmp_path: Path) -> None:
    assert feed_url(load(data_dir=tmp_path, market="live")) == ""
    assert feed_url(load(data_dir=tmp_path)).endswith("/signals")
    assert feed_url(load(data_dir=tmp_path, scan={"binary": {"feed_url": "http://a/b"}})) == "http://a/b"


def test_the_emulated_feed_is_worth_less_than_it_claims() -> None:
    market = GeneratedForex(7, START_MS, names=("EURUSD", "USDJPY"), history_days=0.01)
    made = emulated.SignalFeed(market, 7, START_MS)
    won: list[bool] = []
    claimed: list[float] = []
    seen: set[str] = set()
    for now_ms in range(START_MS, START_MS + 3 * 3_600_000, 30_000):
        market.advance(now_ms)
        assert made.signals(now_ms) == made.signals(now_ms)
        found, refused = pocket.read(msgspec.json.encode({"signals": made.signals(now_ms)}), "p", now_ms * NS_PER_MS)
        assert refused == []
        for one in (one for one in found if one.signal_id not in seen):
            seen.add(one.signal_id)
            at_ms = one.ts_event // NS_PER_MS
            moved = market.mid_at(one.symbol, at_ms + 60_000) - market.mid_at(one.symbol, at_ms)
            won.append(moved * one.direction > 0)
            claimed.append(one.probability)
    assert len(won) > 1000
    hit_rate, mean = sum(won) / len(won), sum(claimed) / len(claimed)
    assert 0.5 < hit_rate < mean
    assert hit_rate == pytest.approx(0.5 + emulated.HONESTY * (mean - 0.5), abs=0.05)
