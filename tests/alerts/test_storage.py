"""Alerts of what everything is kept in: the lake behind a running sidecar, the ledger, the disk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.alerts.conftest import IMGHDR, Webhook
from tests.alerts.test_causes import Still, only, until
from tests.postgres import server_for_tests
from trifecta.clock import SystemClock
from trifecta.ops import parts
from trifecta.ops.alerts import facts
from trifecta.ops.alerts.running import Running
from trifecta.ops.alerts.sending import Sender
from trifecta.settings import Settings, load
from warehouse import Lake
from warehouse.ledger import Ledger

pytestmark = [pytest.mark.timeout(240), IMGHDR]


async def test_a_lake_that_cannot_be_read_is_told_once_and_that_it_can(tmp_path: Path, webhook: Webhook) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = only(load(data_dir=tmp_path / "data", api_port=port), webhook, "lake_unreadable")
    _spoil(Path(settings.lake))
    watching = Running(settings, SystemClock(), Sender(settings.alerts.urls))
    with _sidecar(settings):
        await until(watching, lambda: len(webhook.titles) == 1, bound_s=120)
        _mend(Path(settings.lake))
        await until(watching, lambda: len(webhook.titles) == 2, bound_s=90)
    assert webhook.titles == ["[critical] lake unreadable: lake", "[recovered] lake unreadable: lake"]


def _spoil(lake: Path) -> None:
    lake.parent.mkdir(parents=True)
    lake.write_text("what a restore from the wrong backup left")


def _mend(lake: Path) -> None:
    lake.unlink()
    Lake(str(lake)).create_all()


@contextmanager
def _sidecar(settings: Settings) -> Iterator[None]:
    environment = {**os.environ, **parts.settings_environment(settings)}
    command = [sys.executable, "-m", "trifecta", "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def test_a_ledger_whose_server_is_away_is_told_once_and_that_it_is_back(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, webhook: Webhook
) -> None:
    with server_for_tests(tmp_path_factory) as server:
        url = server.new_database()
        with Ledger(url) as ledger:
            ledger.migrate()
        with closing(Still(tmp_path, webhook, "ledger_unreadable", ledger_url=url)) as still:
            still.wait(60)
            assert webhook.titles == []
            server.stop()
            still.wait(60)
            still.wait(60)
            server.start()
            still.wait(60)
    assert webhook.titles == ["[critical] ledger unreadable: ledger", "[recovered] ledger unreadable: ledger"]
    assert "Check `TRIFECTA_LEDGER_URL` and that the server runs" in webhook.bodies[0]


def test_a_disk_that_is_nearly_full_is_told_once_and_that_there_is_room(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = Still(tmp_path, webhook, "disk_low")
    for free in (50 * 1024**3, 1024**3, 1024**3, 50 * 1024**3):
        usage = shutil._ntuple_diskusage(100 * 1024**3, 0, free)
        monkeypatch.setattr(facts.shutil, "disk_usage", lambda _, usage=usage: usage)
        still.wait(60)
    assert webhook.titles == ["[critical] disk low: disk", "[recovered] disk low: disk"]
    assert "1.0 GiB are free, 2 GiB are needed" in webhook.bodies[0]
