"""A sidecar without a network: its service is fed by the test, its clock moved by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.forecast.flow import START_S
from tests.serve.sidecar import MakeSettings, client_of
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.serve.app import create
from trifecta.serve.front import Front
from trifecta.settings import load


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Settings of an empty data folder, whatever the machine's environment and files say."""
    monkeypatch.chdir(tmp_path)
    return lambda **changed: load(data_dir=tmp_path / "data", **changed)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_S * NS_PER_S)


@pytest.fixture
def front(settings_of: MakeSettings, clock: ManualClock) -> Front:
    """A sidecar that has seen nothing yet."""
    return create(settings_of(), clock=clock)


@pytest.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(front) as made:
        yield made
