"""A recorder that is killed, cut off and starved still ends with the market's own record in the lake."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec
import numpy as np
import pytest

from tests.ports import free_port
from tests.warehouse.bucket import bucket
from trifecta.capture.heartbeat import Heartbeat
from trifecta.clock import NS_PER_S
from trifecta.emulator.config import Fault, FaultKind
from trifecta.emulator.record import read_trades
from warehouse.lake import Lake
from warehouse.sessions import session

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

AWAY_S = 15.0
RECORDER = """
import asyncio, signal
from trifecta.capture.recorder import record
from trifecta.settings import load

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await record(load(), stop=stop)

asyncio.run(main())
"""
_TRADES = """
select trade_id, round(price * power(10, 8 - price_scale))::bigint as price,
    round(qty * power(10, 8 - qty_scale))::bigint as qty, ts_event, side
from raw.trades where venue = ? and symbol = ? order by trade_id
"""


@dataclass
class Stage:
    """An emulator, the folders, and the recorder of the moment."""

    folder: Path
    base_url: str
    session: aiohttp.ClientSession
    environment: dict[str, str] = field(default_factory=dict)
    recorder: Process | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    async def start(self) -> None:
        port = self.base_url.rpartition(":")[2]
        environment = {
            **os.environ,
            "TRIFECTA_DATA_DIR": str(self.data),
            "TRIFECTA_EMULATOR_PORT": port,
            "TRIFECTA_BUS_ADDRESS": f"tcp://127.0.0.1:{free_port()}",
            **{f"TRIFECTA_VENUES__{name}__ENABLED": "false" for name in ("KRAKEN", "COINBASE", "OKX")},
            "TRIFECTA_VENUES__BINANCE__SYMBOLS": '["PAXGUSDT", "BTCUSDT", "ETHUSDT"]',
            "TRIFECTA_CAPTURE__FLUSH_S": "1",
            "TRIFECTA_CAPTURE__SNAPSHOT_S": "30",
            "TRIFECTA_CAPTURE__SILENCE_S": "2",
            "TRIFECTA_CAPTURE__WEIGHT_SHARE": "1",
            **self.environment,
        }
        log = (self.folder / "recorder.log").open("ab")
        self.recorder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", RECORDER, env=environment, stderr=log, stdout=log, cwd=self.folder
        )
        log.close()

    async def end(self, number: signal.Signals) -> None:
        assert self.recorder is not None
        self.recorder.send_signal(number)
        code = await self.recorder.wait()
        assert code == (0 if number is signal.SIGTERM else -number), (self.folder / "recorder.log").read_text()[-5000:]

    async def inject(self, fault: Fault) -> None:
        async with self.session.post(f"{self.base_url}/control/fault", data=msgspec.json.encode(fault)) as response:
            assert response.status == 200, await response.text()

    def heartbeat(self, source: str) -> Heartbeat | None:
        try:
            return msgspec.json.decode((self.data / "run" / f"recorder-{source}.json").read_bytes(), type=Heartbeat)
        except FileNotFoundError:
            return None

    def ages_s(self) -> tuple[float, float]:
        """Since the last frame came in, and since rows reached the lake."""
        beat, now_ns = self.heartbeat("sim_binance"), time.time_ns()
        assert beat is not None
        return (now_ns - beat.last_frame_ts_ns) / NS_PER_S, (now_ns - beat.last_commit_ts_ns) / NS_PER_S

    async def settled(self) -> None:
        """Returns once every source says, from now on, that it is whole: connected, books valid, no gap open."""
        assert self.recorder is not None
        asked_ns = time.time_ns()
        for source in ("sim_binance", "sim_binance_usdm"):
            while True:
                assert self.recorder.returncode is None, (self.folder / "recorder.log").read_text()[-5000:]
                beat = self.heartbeat(source)
                if beat is not None and beat.pid == self.recorder.pid and beat.ts_ns > asked_ns:
                    assert "cannot be read" not in beat.problem
                    if is_whole(beat):
                        break
                await asyncio.sleep(0.2)


def is_whole(beat: Heartbeat) -> bool:
    books = beat.book_valid.values()
    return beat.connected and bool(books) and all(books) and not beat.gaps_open and not beat.problem


@asynccontextmanager
async def stage(folder: Path, rate: float) -> AsyncIterator[Stage]:
    arguments = ["--port", "0", "--folder", str(folder / "emulator"), "--rate", str(rate)]
    emulator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trifecta.emulator", *arguments, stdout=PIPE, cwd=Path(__file__).parents[2]
    )
    assert emulator.stdout is not None
    ready = (await emulator.stdout.readline()).decode()
    base_url = next(word for word in ready.split() if word.startswith("http"))
    try:
        async with aiohttp.ClientSession() as session:
            played = Stage(folder, base_url, session, {"PYTHONPATH": str(Path(__file__).parents[2])})
            try:
                yield played
            finally:
                if played.recorder is not None and played.recorder.returncode is None:
                    played.recorder.kill()
                    await played.recorder.wait()
    finally:
        emulator.terminate()
        await emulator.wait()


def compare(stage: Stage) -> dict[str, int]:
    """Asserts that the lake holds exactly what the emulator recorded between its first and last trade; counts."""
    truth = read_trades(stage.folder / "emulator")
    counts = {"trades": 0}
    with session(Lake(stage.environment.get("TRIFECTA_LAKE_URI", str(stage.data / "lake")))) as lake:
        lost = lake.execute(
            "select venue, symbol, first_id, last_id from gaps where status != 'filled' and stream = 'trade'"
        )
        assert lost.fetchall() == []
        assert lake.execute("select count(*) from raw.quarantine").fetchall() == [(0,)]
        for table, key in (("quotes", "update_id"), ("bars", "interval, ts_open"), ("orderflow_1s", "ts_event")):
            rows = lake.execute(f"select count(*), count(distinct (venue, symbol, {key})) from raw.{table}").fetchall()  # noqa: S608
            assert rows[0][0] == rows[0][1], table
        pairs = lake.execute("select distinct venue, symbol from raw.trades").fetchall()
        assert len(pairs) == 5
        for venue, symbol in pairs:
            market = b"usdm" if venue.endswith("usdm") else b"spot"
            found = lake.execute(_TRADES, [venue, symbol]).fetchnumpy()
            own = truth[(truth["market"] == market) & (truth["symbol"] == symbol.encode())]
            ids = found["trade_id"]
            own = own[(own["id"] >= ids[0]) & (own["id"] <= ids[-1])]
            assert ids.tolist() == own["id"].tolist(), (venue, symbol)
            assert (found["price"] == own["price_e8"]).all()
            assert (found["qty"] == own["qty_e8"]).all()
            assert (found["ts_event"] == own["ts_event_ms"]).all()
            assert (found["side"] == np.where(own["buyer_maker"], -1, 1)).all()
            counts["trades"] += len(ids)
    return counts


async def test_kill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    moments = random.Random(20)  # noqa: S311
    kills = int(os.environ.get("TRIFECTA_TEST_KILLS", "5"))
    async with stage(tmp_path, rate=2_000) as played:
        await played.start()
        await played.settled()
        for _ in range(kills):
            await asyncio.sleep(moments.uniform(0.0, 5.0))
            await played.end(signal.SIGKILL)
            await played.start()
        await played.settled()
        await played.end(signal.SIGTERM)
        assert compare(played)["trades"] > 1_000


async def test_cuts_stalls_and_failing_requests_lose_nothing(tmp_path: Path) -> None:
    faults = [
        Fault(FaultKind.CUT),
        Fault(FaultKind.GAP, stream="trade", count=300),
        Fault(FaultKind.STALL, duration_s=4.0),
        Fault(FaultKind.HTTP_5XX, count=10),
        Fault(FaultKind.HTTP_429, count=1, duration_s=1.0),
        Fault(FaultKind.CUT),
        Fault(FaultKind.DUPLICATE, count=200),
        Fault(FaultKind.REORDER, stream="trade", count=50),
    ]
    async with stage(tmp_path, rate=1_000) as played:
        await played.start()
        await played.settled()
        for fault in faults:
            await played.inject(fault)
            await asyncio.sleep(1.0)
        await asyncio.sleep(5.0)
        await played.settled()
        await played.end(signal.SIGTERM)
        assert compare(played)["trades"] > 1_000
        last = played.heartbeat("sim_binance")
        assert last is not None
        assert last.reconnects >= 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 40 MB."""
    folder = tmp_path / "data"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root on Linux can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607  wherever it is


async def test_full_disk_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    async with stage(tmp_path, rate=2_000) as played:
        await played.start()
        await played.settled()
        for _ in range(2):
            fill(small_disk / "ballast")
            await asyncio.sleep(6.0)
            assert played.recorder is not None
            assert played.recorder.returncode is None
            (small_disk / "ballast").unlink()
            await played.settled()
        await played.end(signal.SIGTERM)
        assert "make room on its disk" in (tmp_path / "recorder.log").read_text()
        assert compare(played)["trades"] > 1_000


async def test_an_object_store_that_fails_and_then_hangs_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)  # the lake is compared from here too
        async with stage(tmp_path, rate=500) as played:
            played.environment["TRIFECTA_LAKE_URI"] = "s3://bucket/lake"
            await played.start()
            await played.settled()
            store.fail(True)
            await asyncio.sleep(AWAY_S)
            _is_recorded_alone(played)
            store.fail(False)
            await played.settled()
            with store.hanging():
                await asyncio.sleep(AWAY_S)
                _is_recorded_alone(played)
            await played.settled()
            await played.end(signal.SIGTERM)
            assert compare(played)["trades"] > 1_000


def _is_recorded_alone(played: Stage) -> None:
    """Frames come in, and nothing has reached the lake since it went away."""
    heard_s, committed_s = played.ages_s()
    assert heard_s < 5.0
    assert committed_s > AWAY_S - 5.0


def fill(path: Path) -> None:
    """Takes all the room there is."""
    with path.open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 10):
            with suppress(OSError):
                while True:
                    ballast.write(b"x" * size)
