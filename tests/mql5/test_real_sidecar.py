"""Box-EA beside the real sidecar over HTTP: a fresh range is used, a dead sidecar is done without, until it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
import zmq

from tests.forecast.flow import walk_seconds
from tests.mql5.beside import TOKEN, sidecar
from tests.mql5.build import Built
from tests.mql5.terminal import Terminal, terminal
from tests.ports import free_port
from trifecta.bus import SECONDS_TOPIC
from trifecta.clock import NS_PER_S

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

DEADLINE_S = 120.0
TRADITIONAL = 2800.0
SIDECAR = "1"  # ENUM_RANGE_SOURCE


class Feed:
    """A bus on which a second closes every moment, as the recorder would close it."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            now_s = time.time_ns() // NS_PER_S
            for row in walk_seconds(30, start_s=now_s - 30):
                fresh = msgspec.structs.replace(row, ts_recv=row.ts_event)
                self._socket.send_multipart((SECONDS_TOPIC + row.venue.encode(), msgspec.msgpack.encode(fresh)))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def bus() -> Iterator[str]:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:0")
        feed = Feed(socket)
        yield socket.last_endpoint.decode()
        feed.stop()


def until(ea: Terminal, source: str) -> dict[str, str]:
    """What is shown once the range comes from that source; each turn is a timer event in real time and a tick."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        ea.tell("wait 1")
        ea.tell("ticknow 2000 0.2")
        shown = ea.show()
        if shown["source"] == source:
            return shown
    raise AssertionError(f"never source {source}: {ea.show()} {ea.printed()}")


def test_fresh_range_is_used_fallback_serves_while_the_sidecar_is_dead_and_it_recovers_by_itself(
    expert: Built, bus: str, tmp_path: Path
) -> None:
    port = free_port()
    with terminal(expert) as ea:
        ea.tell("open 2000 0.2")
        ea.tell("broker real_clock 1")
        ea.tell(f"allow http://127.0.0.1:{port}")
        assert (
            ea.start(Url=f"http://127.0.0.1:{port}", Token=TOKEN, AcceptSimulated=True, MaxBackoffMs=1000, Push=False)
            == 0
        )
        with sidecar(tmp_path, port, bus):
            shown = until(ea, SIDECAR)
            assert float(shown["range"]) not in (0.0, TRADITIONAL)
            assert "SIMULATED" in shown["detail"]
        ea.tell("pass 5000")  # one cache period after its death
        ea.tell("ticknow 2000 0.2")
        fallen = ea.show()
        assert (float(fallen["range"]), fallen["source"]) == (TRADITIONAL, "2")
        with sidecar(tmp_path, port, bus):
            until(ea, SIDECAR)
        assert any("traditional range:" in line for line in ea.printed())
        assert not any(TOKEN in line for line in ea.printed())


def test_wrong_token_gives_the_traditional_range_and_the_reason(expert: Built, bus: str, tmp_path: Path) -> None:
    port = free_port()
    with sidecar(tmp_path, port, bus), terminal(expert) as ea:
        ea.tell("open 2000 0.2")
        ea.tell("broker real_clock 1")
        ea.tell(f"allow http://127.0.0.1:{port}")
        ea.start(Url=f"http://127.0.0.1:{port}", Token="wrong", AcceptSimulated=True, MaxBackoffMs=1000, Push=False)
        deadline = time.monotonic() + DEADLINE_S
        while "HTTP 401" not in (shown := ea.show())["detail"] and time.monotonic() < deadline:
            ea.tell("wait 1")
            ea.tell("ticknow 2000 0.2")
        assert "Authorization" in shown["detail"]
        assert (float(shown["range"]), shown["source"]) == (TRADITIONAL, "2")


def test_halt_at_the_sidecar_removes_entry_orders_until_it_is_lifted(expert: Built, bus: str, tmp_path: Path) -> None:
    port = free_port()
    with (
        sidecar(tmp_path, port, bus),
        terminal(expert) as ea,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}) as person,
    ):
        ea.tell("open 2000 0.2")
        ea.tell("broker real_clock 1")
        ea.tell(f"allow http://127.0.0.1:{port}")
        assert (
            ea.start(Url=f"http://127.0.0.1:{port}", Token=TOKEN, AcceptSimulated=True, MaxBackoffMs=1000, Push=False)
            == 0
        )
        until(ea, SIDECAR)
        assert person.post("/halt", json={"reason": "drill"}).status_code == 200
        until_doing(ea, "halted: drill")
        assert ea.show()["orders"] == "0"
        assert person.post("/resume", json={"reason": "drill over"}).status_code == 200
        until_doing(ea, "halted", still=False)


def until_doing(ea: Terminal, what: str, *, still: bool = True) -> None:
    """Returns once the expert says, or no longer says, what it does."""
    deadline = time.monotonic() + DEADLINE_S
    while (what in ea.show()["doing"]) is not still:
        assert time.monotonic() < deadline, (ea.show(), ea.printed())
        ea.tell("wait 1")
        ea.tell("ticknow 2000 0.2")
