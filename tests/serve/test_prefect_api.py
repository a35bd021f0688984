"""What the sidecar says of a Prefect that is away, busy or not what it claims, over a real loopback socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.serve.sidecar import MakeSettings, client_of
from trifecta.clock import ManualClock
from trifecta.serve import prefect_api
from trifecta.serve.app import create
from trifecta.serve.prefect_api import PrefectApi, PrefectAwayError, PrefectBusyError


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that gives every request this answer, and the paths it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api", asked
        server.shutdown()
        thread.join()


def test_busy_server_is_asked_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "PAUSE_S", 0.0)
    with answering(503, b"") as (url, asked):
        with pytest.raises(PrefectBusyError, match="ask again"):
            PrefectApi(url).start("train/train", "train all", {})
        assert len(asked) == prefect_api.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, b"", "trifecta up"),
        (500, b"", "answered 500"),
        (200, b"<html>", "does not answer"),
        (200, b"{}", "not answer"),
    ],
)
def test_answer_that_is_none_is_told(status: int, body: bytes, told: str) -> None:
    with answering(status, body) as (url, asked):
        with pytest.raises(PrefectAwayError, match=told):
            PrefectApi(url).start("train/train", "train all", {})
        assert asked == ["/api/deployments/name/train/train"]


async def test_training_cannot_start_while_prefect_is_away_and_status_still_answers(
    settings_of: MakeSettings, clock: ManualClock
) -> None:
    front = create(settings_of(prefect_api="http://127.0.0.1:1/api"), clock=clock)
    try:
        async with client_of(front) as client:
            started = await client.post("/model/train")
            status = await client.get("/model/status")
            wrong = await client.post("/model/train", params={"horizon": "120"})
            unknown = await client.post("/model/train", params={"symbol": "NOTHING"})
    finally:
        await front.champions.stop()
        await front.upkeep.stop()
    assert (started.status_code, started.json()["error"]) == (503, "prefect_away")
    assert "trifecta up" in started.json()["reason"]
    assert started.headers["retry-after"] == "5"
    assert status.status_code == 200
    assert (status.json()["training"], status.json()["ledger"]) == (None, "ok")
    assert "does not answer" in status.json()["prefect"]
    assert wrong.status_code == 422
    assert unknown.status_code == 404
