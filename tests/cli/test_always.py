"""A flow that always runs is started anew where nobody else does, once and not while it is on its way."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from trifecta.clock import ManualClock
from trifecta.ops import always, parts, processes
from trifecta.ops.always import GRACE_S, Always
from trifecta.serve.prefect_api import PrefectApi, PrefectAwayError
from trifecta.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Deployments that were asked for; Prefect knows no `ingest`."""
    asked: list[str] = []

    def start(_: PrefectApi, deployment: str, name: str, parameters: dict[str, object]) -> None:
        asked.append(deployment)
        if deployment == "ingest/ingest":
            raise PrefectAwayError("it does not answer")

    monkeypatch.setattr(PrefectApi, "start", start)
    return asked


def test_is_started_again_once_it_has_been_gone_for_long(settings: Settings, started: list[str]) -> None:
    clock, said = ManualClock(), list[str]()
    watched = Always(settings, clock, said.append)

    def look(seconds: float, *, ready: bool = True) -> list[str]:
        clock.advance(seconds)
        watched.tend(ready=ready)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and thread.daemon and "_start" in thread.name:
                thread.join()
        found = sorted(started)
        started.clear()
        return found

    assert look(GRACE_S + 1, ready=False) == []
    assert look(GRACE_S - 1) == []
    with processes.recorded(settings.run_dir, parts.scan_name(os.getpid()), os.getpid()):
        assert look(2) == ["ingest/ingest"]
        assert look(GRACE_S / 2) == []
    assert look(GRACE_S / 2) == ["ingest/ingest"]
    assert look(GRACE_S / 2) == ["scan/scan"]
    assert said[-1] == f"no run of scan lived for {always.GRACE_S:.0f} s: another is started"
    assert said[0] == "no run of ingest lives, and none could be started: it does not answer"
