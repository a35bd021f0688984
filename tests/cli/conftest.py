"""A command line in an empty folder, with settings of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.ports import free_port
from trifecta.cli import app
from trifecta.settings import Settings, load

PORTS = ("API_PORT", "PREFECT_PORT", "DASHBOARD_PORT", "EMULATOR_PORT")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No setting of the machine reaches a test; every port is free."""
    for name in os.environ:
        if name.startswith("TRIFECTA_") and name != "TRIFECTA_TEST_DATA":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TRIFECTA_DEX__ENABLED", "false")  # nothing is fetched from the npm registry
    for name in PORTS:
        monkeypatch.setenv(f"TRIFECTA_{name}", str(free_port()))
    monkeypatch.setenv("TRIFECTA_BUS_ADDRESS", f"tcp://127.0.0.1:{free_port()}")
    return tmp_path


@pytest.fixture
def settings() -> Settings:
    return load()


@pytest.fixture
def run() -> Callable[..., Result]:
    """Runs `trifecta` with arguments; stderr is part of `output`."""
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])
