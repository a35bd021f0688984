"""A sidecar that answers, a lake with a recorded day, and pages over both."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from trifecta.capture.replay import replay
from trifecta.clock import SystemClock
from warehouse import Lake

APP = Path(__file__).parents[2] / "streamlit_app"
FEED = {"venue": "binance", "symbol": "BTCUSDT", "age_ms": 312, "fresh": True, "ready": True, "book_valid": True}
ANSWERS: dict[str, tuple[int, dict[str, object]]] = {
    "/health": (200, {"status": "ok", "reasons": [], "simulated": True, "feeds": [FEED], "lake": "ok"}),
    "/market-range": (503, {"error": "stale", "reason": "the feed stands still", "retry_after_s": 1}),
    "/orderflow/metrics": (503, {"error": "stale", "reason": "the feed stands still", "retry_after_s": 1}),
}
Page = Callable[..., AppTest]


POSTED: list[tuple[str, dict[str, object]]] = []
"""What was asked of the sidecar, oldest first."""
NOT_HERE: tuple[int, dict[str, object]] = (404, {"error": "http", "reason": "not here"})


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(*ANSWERS.get(self.path.partition("?")[0], NOT_HERE))

    def do_POST(self) -> None:
        POSTED.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self._answer(*ANSWERS.get(self.path, NOT_HERE))

    def _answer(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="session")
def sidecar_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory, recorded: Path) -> Path:
    """A data folder whose lake holds a recorded piece of a day."""
    folder = tmp_path_factory.mktemp("data")
    file = recorded / "binance_raw_hftbacktest" / "spot" / "btcusdt_20240808.gz"
    replay([file], lake=Lake(str(folder / "lake")), clock=SystemClock())
    return folder


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sidecar_port: int) -> Iterator[Page]:
    """Opens a page by its file's name, over this data folder and, unless told otherwise, the sidecar that answers."""

    def opened(name: str, data: Path = tmp_path, port: int = sidecar_port, **settings: str) -> AppTest:
        monkeypatch.setenv("TRIFECTA_DATA_DIR", str(data))
        monkeypatch.setenv("TRIFECTA_API_PORT", str(port))
        monkeypatch.setenv("TRIFECTA_MARKET", "simulated")
        for key, value in settings.items():
            monkeypatch.setenv(f"TRIFECTA_{key.upper()}", value)
        found = AppTest.from_file(str(APP / name), default_timeout=60)
        found.session_state["navigated"] = name != "Home.py"
        return found.run()

    st.cache_resource.clear()
    st.cache_data.clear()
    yield opened
    st.cache_resource.clear()
