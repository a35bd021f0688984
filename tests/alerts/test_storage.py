"""Alerts of what everything is kept in: the lake behind a running sidecar, the ledger, the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.alerts.conftest import IMGHDR, Webhook
from tests.alerts.watched import Still, Watched
from tests.ports import free_port
from tests.postgres import server_for_tests
from trifecta.ops import parts
from trifecta.ops.alerts.rules import GIB
from trifecta.settings import Settings, load
from warehouse import Lake
from warehouse.ledger import Ledger

pytestmark = [pytest.mark.timeout(240), IMGHDR]


async def test_a_lake_that_cannot_be_read_and_a_sidecar_that_dies_are_told_once_and_their_end(
    tmp_path: Path, webhook: Webhook
) -> None:
    settings = load(data_dir=tmp_path / "data", api_port=free_port())
    _spoil(Path(settings.lake))
    told = webhook.titles
    with closing(Watched(settings, webhook, "lake_unreadable", "sidecar_down")) as watch:
        with _sidecar(settings):
            await watch.until(lambda: len(told) == 1, bound_s=120)
            _mend(Path(settings.lake))
            await watch.until(lambda: len(told) == 2)
        watch.wait(20)
        watch.wait(60)
        with _sidecar(settings):
            await watch.until(lambda: len(told) == 4, bound_s=120)
    assert told == [
        "[critical] lake unreadable: lake",
        "[recovered] lake unreadable: lake",
        "[critical] sidecar down: sidecar",
        "[recovered] sidecar down: sidecar",
    ]


def _spoil(lake: Path) -> None:
    lake.parent.mkdir(parents=True)
    lake.write_text("what a restore from the wrong backup left")


def _mend(lake: Path) -> None:
    lake.unlink()
    Lake(str(lake)).create_all()


@contextmanager
def _sidecar(settings: Settings) -> Iterator[None]:
    """`trifecta serve` from its first answer until the block ends, when it is killed."""
    environment = {**os.environ, **parts.settings_environment(settings)}
    command = [sys.executable, "-m", "trifecta", "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while parts.ask_sidecar(settings, "/health") is None:
            assert process.poll() is None
            time.sleep(0.2)
        yield
    finally:
        process.kill()
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


def test_a_ledger_whose_file_is_not_there_is_told_once_and_that_it_is_back(tmp_path: Path, webhook: Webhook) -> None:
    path, aside = tmp_path / "ledger.db", tmp_path / "aside"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
    with closing(Still(tmp_path, webhook, "ledger_unreadable")) as still:
        still.wait(60)
        assert webhook.titles == []
        path.rename(aside)
        still.wait(60)
        still.wait(60)
        aside.rename(path)
        still.wait(60)
    assert webhook.titles == ["[critical] ledger unreadable: ledger", "[recovered] ledger unreadable: ledger"]
    assert "of SQLite, that its file is there" in webhook.bodies[0]


def test_a_disk_with_less_room_than_asked_for_is_told_once_and_that_there_is_enough(
    tmp_path: Path, webhook: Webhook
) -> None:
    whole = shutil.disk_usage(tmp_path).total / GIB + 1
    for wanted in (0.001, whole, whole, 0.001):  # of each start; what was told is kept
        with closing(Still(tmp_path, webhook, "disk_low", disk_free_gib=wanted)) as still:
            still.wait(60)
    assert webhook.titles == ["[critical] disk low: disk", "[recovered] disk low: disk"]
    assert f"GiB are free, {whole:g} GiB are needed" in webhook.bodies[0]
