"""An agent acts where history shows that it pays, and by mistake no oftener than it says."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from trifecta.decide.agents.evaluation import LEAST_SAID, Evaluation, Standing, half_width
from trifecta.settings import AgentSettings

SETTINGS = AgentSettings()
EXECUTE, SKIP = True, False


def _standing(*decided: tuple[bool, float | None]) -> Standing:
    found = Evaluation(SETTINGS)
    for said, pnl in decided:
        found.add(said, pnl)
    return found.standing()


def test_while_all_is_executed_a_policy_is_worth_what_it_would_have_executed() -> None:
    found = _standing((EXECUTE, 10.0), (SKIP, -10.0))
    assert found.value.mean == pytest.approx((0.95 * 10 - 0.05 * 10) / 2)
    assert found.always.mean == 0
    assert found.advantage.mean == found.value.mean


def test_a_skip_is_worth_nothing_and_is_like_those_that_were_explored() -> None:
    """Of 20 decisions alike 19 were skipped and one explored: executing all of them is worth what that one brought."""
    found = _standing(*[(SKIP, None)] * 19, (SKIP, -8.0))
    assert found.always.mean == -8
    assert found.value.mean == pytest.approx(-0.4)


def test_what_was_skipped_changes_how_often_and_not_how_well() -> None:
    before = [(EXECUTE, 10.0 + n % 3) for n in range(100)] + [(SKIP, -9.0 - n % 3) for n in range(100)]
    after = [*before, *[(SKIP, None)] * 200]
    assert _standing(*after).where_skip == _standing(*before).where_skip
    assert _standing(*after).advantage.mean > _standing(*before).advantage.mean


def test_acts_where_it_beats_both_and_says_why_not_where_it_does_not() -> None:
    dice = np.random.default_rng(5)
    better = [(bool(n % 2), 20.0 if n % 2 else -20.0) for n in range(300)]
    assert _standing(*better).acts
    assert _standing(*better[:99]).why == "advises: 99 outcomes, 100 needed"
    all_good = [(EXECUTE, float(pnl)) for pnl in dice.normal(20, 5, 300)]
    assert _standing(*all_good).why == f"advises: 0 outcomes where it said skip, {LEAST_SAID} needed"
    wrong = [*all_good, *[(SKIP, float(pnl)) for pnl in dice.normal(2, 5, 300)]]
    assert "not shown to beat executing all" in _standing(*wrong).why
    all_bad = [(said, float(pnl)) for said, pnl in zip([EXECUTE, SKIP] * 150, dice.normal(-20, 5, 300), strict=True)]
    assert "not shown to beat executing none" in _standing(*all_bad).why
    assert not any(_standing(*decided).acts for decided in (all_good, wrong, all_bad))


@pytest.mark.parametrize("heavy", [False, True])
def test_on_noise_a_random_policy_never_acts_more_often_than_the_stated_error_however_often_one_looks(
    heavy: bool,
) -> None:
    """Looks after each of 1000 outcomes of 1000 agents; with the tails of Student's t of 3 degrees too."""
    dice = np.random.default_rng(11)
    shape = (1000, 1000)
    pnl = dice.standard_t(3, shape) if heavy else dice.normal(size=shape)
    value, advantage = _lows(pnl, dice.random(shape) < 0.5)
    assert ((value > 0) & (advantage > 0)).any(axis=1).mean() <= SETTINGS.error


def test_where_executing_pays_no_random_policy_passes_for_better_more_often_than_the_stated_error() -> None:
    """Executing none is beaten by far then, so that only the advantage over executing all keeps it from acting."""
    dice = np.random.default_rng(11)
    pnl = dice.normal(0.0, 1.0, (2000, 400))
    said = dice.random(pnl.shape) < 0.5
    pnl[said] += 1.0  # executing earns where it says so, and nothing is won by skipping the rest
    value, advantage = _lows(pnl, said)
    assert (value > 0).any(axis=1).mean() == 1
    assert (advantage > 0).any(axis=1).mean() <= SETTINGS.error


def _lows(pnl: np.ndarray, said_execute: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower ends of value and advantage after each outcome from the least number on: `Evaluation`, in columns."""
    counts = np.arange(1, pnl.shape[1] + 1)
    widths = np.array([0.0, *(half_width(int(count), SETTINGS.error / 2) for count in counts)])
    ends = []
    for stratum in (said_execute, ~said_execute):
        count = stratum.cumsum(axis=1)
        divisor = np.maximum(count, 1)
        mean = (pnl * stratum).cumsum(axis=1) / divisor
        deviation = np.sqrt(np.maximum((pnl**2 * stratum).cumsum(axis=1) / divisor - mean**2, 0))
        margin = np.where(count >= LEAST_SAID, deviation * widths[count], 1e12)
        ends.append((count / counts, mean - margin, mean + margin))
    (execute, execute_low, execute_high), (skip, skip_low, skip_high) = ends
    value = 0.95 * execute * execute_low + 0.05 * skip * skip_low
    advantage = -0.05 * execute * execute_high - 0.95 * skip * skip_high
    least = SETTINGS.min_outcomes - 1
    return value[:, least:], advantage[:, least:]


def test_the_columns_above_say_what_an_evaluation_says() -> None:
    dice = np.random.default_rng(2)
    said = dice.random(300) < 0.5
    pnl = np.where(said, 0.8, -0.8) + dice.normal(0, 1, 300)
    value, advantage = _lows(pnl[None], said[None])
    found, acted = Evaluation(SETTINGS), []
    for own, one in zip(said, pnl, strict=True):
        found.add(bool(own), float(one))
        acted.append(found.standing().acts)
    expected = ((value > 0) & (advantage > 0))[0]
    assert acted[SETTINGS.min_outcomes - 1 :] == expected.tolist()
    assert expected.any()


def test_intervals_narrow_with_outcomes_and_are_wider_than_those_of_a_single_look() -> None:
    widths = [half_width(count, 0.05) for count in range(30, 3000)]
    assert all(later < earlier for earlier, later in pairwise(widths))
    assert all(width > 1.96 / sqrt(count) for count, width in enumerate(widths, 30))
