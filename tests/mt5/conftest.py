"""A data folder, and a clock that stands just behind the terminal's ticks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mt5.terminal import START_S
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load(data_dir=tmp_path / "data", bus_address="tcp://127.0.0.1:1")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock((START_S + 60) * NS_PER_S)
