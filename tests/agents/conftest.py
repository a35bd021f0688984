"""A fresh SQLite ledger for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A migrated ledger."""
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as found:
        found.migrate()
        yield found
