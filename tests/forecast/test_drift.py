"""A market that moved away is told by its inputs; a champion that fell behind is told by its losses."""

from __future__ import annotations

import numpy as np
import pytest

from trifecta.errors import DataError
from trifecta.forecast.baselines import qlike
from trifecta.forecast.drift import MIN_HORIZONS, Losses, judge, psi, reference, shifted

NAMES = ("volume", "imbalance")


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    found = np.random.default_rng(seed).normal(size=(count, 2))
    found[:, 0] += shift
    return found


def test_same_market_has_no_psi_and_a_moved_one_is_named() -> None:
    known = reference(rows(20_000, 1), NAMES)
    same, moved = psi(known, rows(20_000, 2)), psi(known, rows(20_000, 2, shift=1.0))
    assert max(same.values()) < 0.01
    assert shifted(same) == ()
    assert shifted(moved) == ("volume",)


def test_psi_is_the_documented_sum() -> None:
    known = reference(np.repeat(np.arange(10.0), 500)[:, None], ("volume",))
    now = np.repeat(np.arange(10.0), [1000, 0, *[500] * 8])[:, None]
    expected = 0.1 * np.log(2) + (1e-4 - 0.1) * np.log(1e-4 / 0.1)
    assert psi(known, now)["volume"] == pytest.approx(expected, rel=1e-6)


def test_unknown_values_and_features_are_left_out() -> None:
    values = rows(5000, 1)
    values[:, 1] = np.nan
    known = reference(values, NAMES)
    assert known.shares[1] == ()
    assert set(psi(known, rows(5000, 2))) == {"volume"}
    assert psi(known, rows(10, 2)) == {}  # too few rows to say anything


def test_constant_feature_that_starts_to_move_is_told() -> None:
    known = reference(np.full((5000, 1), 3.0), ("volume",))
    assert psi(known, np.full((5000, 1), 3.0))["volume"] == pytest.approx(0.0)
    assert shifted(psi(known, np.linspace(0, 6, 5000)[:, None])) == ("volume",)


def test_other_columns_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(rows, 2\)"):
        reference(np.zeros((5, 3)), NAMES)
    with pytest.raises(DataError, match="expected"):
        psi(reference(rows(100, 1), NAMES), np.zeros((5, 3)))


def live(count: int, *, ours: float, theirs: float, late_storm: bool = False) -> Losses:
    """A minute each: outcomes around 0.001, forecasts wrong by these factors at random."""
    random = np.random.default_rng(9)
    outcome = np.exp(random.normal(np.log(0.001), 0.1, count))
    model = outcome * np.exp(random.normal(0, ours, count))
    if late_storm:
        model[-count // 10 :] = outcome[-count // 10 :] * 5
    baselines = {"har": outcome * np.exp(random.normal(0, theirs, count)), "ewma": outcome * 3}
    held = (outcome >= model * 0.8) & (outcome <= model * 1.25)
    losses = {name: qlike(outcome, made) for name, made in baselines.items()}
    return Losses("QLIKE", np.arange(count, dtype=np.float64), qlike(outcome, model), losses, held.astype(np.float64))


def test_champion_behind_the_best_baseline_all_along_is_demoted_with_the_figures() -> None:
    found = judge(live(1440, ours=0.4, theirs=0.1), 300)
    assert found.demote
    assert "of har over 288 separate outcomes, behind in 4 of 4 parts" in found.reason
    assert found.model > found.baselines["har"]


def test_champion_ahead_of_every_baseline_stays() -> None:
    found = judge(live(1440, ours=0.1, theirs=0.4), 300)
    assert not found.demote
    assert found.right == pytest.approx(0.97, abs=0.02)


def test_one_storm_does_not_end_a_champion() -> None:
    found = judge(live(1440, ours=0.1, theirs=0.2, late_storm=True), 300)
    assert found.model > found.baselines["har"]
    assert not found.demote
    assert "behind in 1 of 4 parts" in found.reason


def test_too_few_outcomes_judge_nothing() -> None:
    found = judge(live(5 * (MIN_HORIZONS - 1), ours=0.9, theirs=0.1), 300)
    assert not found.demote
    assert f"{MIN_HORIZONS} are needed" in found.reason


def test_minutes_without_an_outcome_or_a_forecast_are_left_out() -> None:
    made = live(1440, ours=0.4, theirs=0.1)
    made.model[:100] = np.nan
    made.baselines["har"][100:200] = np.nan
    assert judge(made, 300).forecasts == 1240
    made.model[:] = np.nan
    assert not judge(made, 300).demote
