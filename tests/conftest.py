"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded market data; a test that needs it is skipped without it, and fails in CI."""
    named = os.environ.get("TRIFECTA_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (folder / "SOURCES.md").is_file():
        reason = f"no recorded data at {folder}: set TRIFECTA_TEST_DATA to the folder that holds SOURCES.md"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
