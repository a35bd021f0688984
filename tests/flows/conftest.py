"""A Prefect server for the flows that are run here, on a free port, its database thrown away."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

START_S = 120


@pytest.fixture(scope="module")
def prefect_api() -> Iterator[str]:
    """The API's address. Starting takes about ten seconds: one server serves a whole module."""
    with prefect_test_harness(server_startup_timeout=START_S):
        yield str(PREFECT_API_URL.value())


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Each flow that runs here leaves two connections of Prefect's own client to the collector."""
    item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(autouse=True)
def end_clients() -> Iterator[None]:
    """Those connections end with the test that made them, so that no later one is blamed."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def keep_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training steps behind everything else for good, which must not slow down the tests that come after it."""
    monkeypatch.setattr("os.nice", lambda _: 0, raising=False)
