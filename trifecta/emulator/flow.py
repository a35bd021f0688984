"""Fair price, order-flow pressure and volatility regime over time.

They move with the clock, not with the number of messages, so a market at 10,000 messages a second is no wilder than one
at 100. Pressure leads price: buyers push before the price has moved, which is what order-flow features look for.
"""

from math import exp, sqrt
from random import Random
from typing import NamedTuple

SECONDS_A_YEAR = 365 * 86_400
PRESSURE_S = 30.0  # how long order flow leans to one side
REGIME_S = 1_200.0  # how long a volatility regime lasts on average
BASIS_S = 120.0
BASIS = 2e-4  # how far the perpetual strays from spot
DRIFT = 0.2  # of one second's volatility, for each unit of pressure


class Regime(NamedTuple):
    name: str
    volatility: float  # factor on the profile's
    taking: float  # share of orders that take liquidity
    weight: float


REGIMES = (Regime("calm", 0.5, 0.2, 4.0), Regime("normal", 1.0, 0.3, 4.0), Regime("wild", 2.2, 0.42, 2.0))


class Flow:
    """The state behind one symbol; spot and USD-M books quote around it."""

    def __init__(self, price: float, volatility: float, random: Random) -> None:
        self.price = price  # fair, in quote units
        self.basis = 0.0  # of the perpetual, as a fraction
        self.stray = 0.0  # of the spot book, as a fraction: a dislocation
        self.pressure = 0.0  # standard units, above 0 means buyers
        self.regime = REGIMES[1]
        self._volatility = volatility / sqrt(SECONDS_A_YEAR)  # of one second
        self._random = random

    def advance(self, dt_s: float) -> None:
        """Lets `dt_s` seconds pass."""
        gauss = self._random.gauss
        if self._random.random() < dt_s / REGIME_S:
            self.regime = self._random.choices(REGIMES, [regime.weight for regime in REGIMES])[0]
        sigma = self._volatility * self.regime.volatility
        kept = exp(-dt_s / PRESSURE_S)
        self.pressure = self.pressure * kept + sqrt(1 - kept * kept) * gauss(0.0, 1.0)
        kept = exp(-dt_s / BASIS_S)
        self.basis = self.basis * kept + BASIS * sqrt(1 - kept * kept) * gauss(0.0, 1.0)
        self.price *= exp(sigma * (sqrt(dt_s) * gauss(0.0, 1.0) + DRIFT * self.pressure * dt_s))
