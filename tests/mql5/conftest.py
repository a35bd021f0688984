"""Programs that several tests share, compiled when the first one asks."""

from __future__ import annotations

import pytest

from tests.mql5.build import Built
from tests.mql5.programs import PROGRAMS


@pytest.fixture(scope="session")
def expert() -> Built:
    """Box-EA in a terminal that Python drives."""
    return PROGRAMS["expert"].built()
