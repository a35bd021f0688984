"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import recorded as recorded_data


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded market data; a test that needs it is skipped without it, and fails in CI."""
    return recorded_data.folder()
