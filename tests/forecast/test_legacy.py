"""The documents' formula, number by number."""

from __future__ import annotations

import pytest

from trifecta.forecast.legacy import Volatility, points, volatility


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ((0.5, 0.1, 0.0, 1.0), 15_000 * 0.5 * 1.0 * 1.0 * 1.1),
        ((-0.5, 0.1, 0.0, 1.0), 15_000 * 0.5 * 1.0 * 1.0 * 1.1),
        ((0.2, 0.0, 0.25, 0.5), 15_000 * 0.2 * 0.8 * 1.1 * 0.9),
        ((0.2, 5.0, 0.0, 99.0), 15_000 * 0.2 * 2.0 * 1.0 * 1.3),
        ((0.0, 5.0, 1.0, 99.0), 1.0),
        ((1.0, 5.0, 1.0, 99.0), 35_000.0),
    ],
)
def test_formula_gives_the_documents_points(flow: tuple[float, float, float, float], expected: float) -> None:
    assert points(*flow) == pytest.approx(expected)


def test_classes_change_at_their_bounds() -> None:
    assert [volatility(value) for value in (10_499.9, 10_500, 19_499.9, 19_500)] == [
        Volatility.LOW,
        Volatility.MEDIUM,
        Volatility.MEDIUM,
        Volatility.HIGH,
    ]
