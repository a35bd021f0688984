"""Judging: the test of a lead keeps its size, the gate its rules, and every score its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trifecta.forecast import gate
from trifecta.forecast.forecasts import Forecast, with_classes
from trifecta.forecast.labels import Thresholds
from trifecta.forecast.scores import RIVALS, Contender, Summary, Trial, joined, of_range, part, stated, summarise
from trifecta.forecast.significance import diebold_mariano


def differences(random: np.random.Generator, count: int, overlap: int, mean: float = 0.0) -> np.ndarray:
    """Differences of losses whose neighbours share most of their horizon."""
    noise = random.normal(0, 1, (2, count + overlap - 1)) ** 2
    return np.convolve(noise[0] - noise[1], np.ones(overlap) / np.sqrt(overlap), "valid") + mean


@pytest.mark.parametrize(("count", "overlap"), [(500, 5), (1300, 15), (1300, 60), (5000, 60)])
def test_lead_that_is_chance_is_called_significant_about_as_often_as_stated(count: int, overlap: int) -> None:
    random = np.random.default_rng(1)
    tries = 400
    found = [
        diebold_mariano(differences(random, count, overlap), np.zeros(count), overlap) < 0.05 for _ in range(tries)
    ]
    assert 0.02 <= np.mean(found) <= 0.10


def test_lead_that_is_there_is_found_and_a_lag_is_not() -> None:
    worse = differences(np.random.default_rng(2), 3000, 5, mean=0.5)
    assert diebold_mariano(-worse, np.zeros(3000), 5) < 0.001
    assert diebold_mariano(worse, np.zeros(3000), 5) > 0.999


def test_no_lead_is_claimed_on_few_horizons_or_between_equals() -> None:
    assert diebold_mariano(np.full(300, -1.0), np.zeros(300), 60) == 1.0
    assert diebold_mariano(np.ones(3000), np.ones(3000), 5) == 1.0


def trial(outcome: np.ndarray, *, series: int = 1) -> Trial:
    count = len(outcome) // series
    return Trial(
        ends_s=np.tile(60 * np.arange(count), series),
        fold=np.tile((np.arange(count) * 2 // count), series),
        outcome=outcome,
        classes=np.digitize(outcome, np.quantile(outcome, [1 / 3, 2 / 3])),
        overlap=1,
        separate=float(count),
    )


def contender(name: str, log_range: np.ndarray, volatility: np.ndarray | None = None) -> Contender:
    even = np.full((len(log_range), 3), 1 / 3) if volatility is None else volatility
    return Contender(name, Forecast(log_range, even), 0.5 * log_range, 2 * log_range)


@pytest.fixture
def outcome() -> np.ndarray:
    return np.exp(np.random.default_rng(3).normal(-6, 0.5, 600))


def test_summary_holds_the_mean_losses_of_the_definitions(outcome: np.ndarray) -> None:
    made = outcome * np.exp(np.random.default_rng(4).normal(0, 0.4, 600))
    classes = trial(outcome).classes
    sure = np.eye(3)[classes]
    found = summarise(trial(outcome), {"one": contender("one", made, sure)}, "one")
    ratio = outcome / made
    assert found.qlike == pytest.approx(np.mean(ratio - np.log(ratio) - 1))
    assert found.mae == pytest.approx(np.abs(outcome - made).mean())
    assert found.calibration == pytest.approx(ratio.mean())
    assert (found.brier, found.hit_rate) == (0.0, 1.0)
    assert found.coverage == pytest.approx(np.mean((ratio >= 0.5) & (ratio <= 2)))
    assert found.width == pytest.approx(1.5)


def test_even_chances_have_the_brier_score_of_not_knowing(outcome: np.ndarray) -> None:
    assert summarise(trial(outcome), {"one": contender("one", outcome)}, "one").brier == pytest.approx(2 / 3)


def test_panel_counts_once_what_happens_to_all_its_instruments_at_one_time(outcome: np.ndarray) -> None:
    """Ten copies of a market are no ten markets: the p-value is that of one."""
    noise = np.exp(np.random.default_rng(5).normal(0, 0.3, (2, 600)) * np.array([[1.0], [1.1]]))
    alone = {"one": contender("one", outcome * noise[0]), "har": contender("har", outcome * noise[1])}
    tenfold = {name: contender(name, np.tile(each.forecast.log_range, 10)) for name, each in alone.items()}
    many = trial(np.tile(outcome, 10), series=10)
    assert summarise(many, tenfold, "one").p["har"] == pytest.approx(
        summarise(trial(outcome), alone, "one").p["har"], rel=1e-6
    )


def test_trend_is_judged_where_the_price_went_somewhere(outcome: np.ndarray) -> None:
    went = np.tile([1.0, -0.5, 0.0], 200)
    said = np.tile([0.2, 0.1, -0.9], 200)
    tried = {"one": replace(contender("one", outcome), trend=said), "har": contender("har", outcome)}
    judged = replace(trial(outcome), trend=went)
    assert summarise(judged, tried, "one").trend_hits == pytest.approx(0.5)
    assert summarise(judged, tried, "har").trend_hits is None
    assert summarise(*part(judged, tried, 0), "one").trend_hits == pytest.approx(0.5)


def test_parts_and_the_whole_agree(outcome: np.ndarray) -> None:
    whole = {"one": contender("one", outcome * 1.1)}
    halves = [part(trial(outcome), whole, fold) for fold in (0, 1)]
    losses = [summarise(*half, "one").qlike for half in halves]
    assert np.mean(losses) == pytest.approx(summarise(trial(outcome), whole, "one").qlike)
    again = joined([half[1]["one"] for half in halves])
    np.testing.assert_array_equal(again.forecast.log_range, whole["one"].forecast.log_range)


def test_interval_from_an_earlier_part_covers_as_stated_where_the_market_stays_what_it_is() -> None:
    random = np.random.default_rng(6)
    past, now = (np.exp(random.normal(-6, 0.5, 4000)) for _ in range(2))
    made, borders = np.full(4000, np.exp(-6)), Thresholds(*np.quantile(past, (1 / 3, 2 / 3)))
    found = of_range("flat", made, past, made, borders, coverage=0.9, separate=4000)
    assert np.mean((now >= found.low) & (now <= found.high)) == pytest.approx(0.9, abs=0.02)
    np.testing.assert_allclose(found.forecast.volatility[0], 1 / 3, atol=0.01)
    too_few = stated("n", Forecast(made[:5], np.ones((5, 3)) / 3), past[:5], found.forecast, coverage=0.9, separate=5)
    assert np.isnan(too_few.low).all()
    assert summarise(trial(now), {"n": too_few}, "n").coverage is None


def test_class_probabilities_follow_from_past_errors() -> None:
    made = with_classes(np.array([1.0, 10.0]), np.array([0.5, 1.0, 1.5, 2.0]), Thresholds(1.2, 12.0))
    np.testing.assert_allclose(made.volatility, [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])


def summary(qlike: float, p: float = 0.01, coverage: float | None = 0.9, separate: float = 100.0) -> Summary:
    return Summary(1000, separate, qlike, 1e-3, 1.0, 0.5, 0.5, coverage, 1.0, dict.fromkeys(RIVALS, p))


def field(ours: Summary, theirs: float = 0.2) -> dict[str, Summary]:
    return {"lstm": ours, **{rival: summary(theirs) for rival in RIVALS}}


def test_gate_lets_pass_what_beats_every_rival_and_covers_as_stated() -> None:
    verdict = gate.judge("lstm", field(summary(0.1)), 0.9)
    assert verdict.passed
    assert all(reason.startswith("met") for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        (summary(0.1, p=0.06), "NOT MET: QLIKE of lstm 0.1000, of har 0.2000, p = 0.060"),
        (summary(0.3, p=0.01), "NOT MET: QLIKE of lstm 0.3000, of persistence 0.2000"),
        (summary(0.1, coverage=0.869), "NOT MET: the interval held 86.9% of outcomes"),
        (summary(0.1, coverage=0.931), "NOT MET: the interval held 93.1% of outcomes"),
        (summary(0.1, coverage=None), "NOT MET: too few separate outcomes to calibrate"),
        (summary(0.1, separate=19.0), "NOT MET: 19 separate test horizons"),
    ],
)
def test_gate_refuses_and_says_why(ours: Summary, told: str) -> None:
    verdict = gate.judge("lstm", field(ours), 0.9)
    assert not verdict.passed
    assert any(reason.startswith(told) for reason in verdict.reasons)


@pytest.mark.parametrize("rival", RIVALS)
def test_gate_refuses_what_was_not_compared_with_every_rival(rival: str) -> None:
    found = field(summary(0.1))
    del found[rival]
    verdict = gate.judge("lstm", found, 0.9)
    assert not verdict.passed
    assert f"NOT MET: {rival} had too little history to be compared with" in verdict.reasons


@pytest.mark.parametrize("rival", RIVALS)
def test_one_rival_that_is_not_beaten_is_enough_to_refuse(rival: str) -> None:
    ours = summary(0.1)
    ours = replace(ours, p={**ours.p, rival: 0.2})
    assert not gate.judge("lstm", field(ours), 0.9).passed
