"""Programs that several tests share, compiled when the first one asks."""

from __future__ import annotations

import pytest

from tests.mql5.build import EXPERT, Built, Flavour, build


@pytest.fixture(scope="session")
def expert() -> Built:
    """Box-EA in a terminal that Python drives."""
    return build(EXPERT, ["converse.cpp"], Flavour.CHECKED)
