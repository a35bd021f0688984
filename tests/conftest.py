"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import recorded as recorded_data
from tests.running import System, running


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded market data; a test that needs it is skipped without it, and fails in CI."""
    return recorded_data.folder()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system as a person runs it, without Prefect; it ends with the module, for it takes half a core."""
    with running(tmp_path_factory.mktemp("system"), "--no-prefect") as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts real processes comes first: it waits for most of its time, while the other worker computes."""
    items.sort(key=lambda item: item.get_closest_marker("system") is None)
