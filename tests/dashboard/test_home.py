"""The page as a person meets it, without a browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from trifecta.capture.replay import replay
from trifecta.clock import SystemClock
from warehouse import Lake

HOME = Path(__file__).parents[2] / "streamlit_app" / "Home.py"
FEED = {"venue": "binance", "symbol": "BTCUSDT", "age_ms": 312, "fresh": True, "ready": True, "book_valid": True}
ANSWERS = {
    "/health": (200, {"status": "ok", "reasons": [], "simulated": True, "feeds": [FEED], "lake": "ok"}),
    "/market-range": (503, {"error": "stale", "reason": "the feed stands still", "retry_after_s": 1}),
    "/orderflow/metrics": (503, {"error": "stale", "reason": "the feed stands still", "retry_after_s": 1}),
}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path.partition("?")[0]]
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def sidecar_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    st.cache_resource.clear()


def _page(monkeypatch: pytest.MonkeyPatch, data: Path, port: int) -> AppTest:
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(data))
    monkeypatch.setenv("TRIFECTA_API_PORT", str(port))
    monkeypatch.setenv("TRIFECTA_MARKET", "simulated")
    page = AppTest.from_file(str(HOME), default_timeout=60)
    page.run()
    return page


def test_says_where_the_sidecar_should_be_when_it_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = _page(monkeypatch, tmp_path, 1)
    assert not page.exception
    assert "http://127.0.0.1:1 does not answer" in page.error[0].value


def test_shows_what_was_recorded_and_labels_a_simulated_market(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: Path, sidecar_port: int
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    replay([recorded / "binance_raw_hftbacktest" / "spot" / "btcusdt_20240808.gz"], lake=lake, clock=SystemClock())
    page = _page(monkeypatch, tmp_path, sidecar_port)
    assert not page.exception
    assert "SIMULATED" in page.warning[0].value
    assert any("the feed stands still" in info.value for info in page.info)
    trades = page.dataframe[0].value
    assert trades["trades"].tolist() == [9757]
