"""The common price of every asset: random walks tied together by one market factor.

Log returns over dt are  beta * s * dM + volatility * s * dW + jumps,  where s = exp(v) is a common level of volatility
and v an Ornstein-Uhlenbeck process (it wanders and returns), as in the log-normal stochastic volatility model of Taylor
(1986); jumps come at random times as in Merton (1976).
"""

import math
import random
from collections.abc import Sequence

from simulator.generator.universe import Asset

SECONDS_PER_YEAR = 365 * 86_400
MARKET_VOLATILITY = 0.45  # per year, of the common factor
VOLATILITY_SPREAD = 0.35  # standard deviation of v
VOLATILITY_RETURN = math.log(2) / 600  # per second: half of a deviation is gone in ten minutes
MARKET_JUMPS, MARKET_JUMP_SIZE = 1 / 1_800, 0.0015  # per second; standard deviation of the log price
ASSET_JUMPS, ASSET_JUMP_SIZE = 1 / 3_600, 0.003


class Walk:
    """The current prices, in dollars, moved on by `step`."""

    def __init__(self, assets: Sequence[Asset], chance: random.Random) -> None:
        self._assets = assets
        self._chance = chance
        self._anchors = [math.log(asset.price) for asset in assets]
        self._logs = list(self._anchors)
        self._level = 0.0  # v
        self.prices = [asset.price for asset in assets]

    def step(self, seconds: float) -> None:
        """Move all prices on."""
        gauss, root = self._chance.gauss, math.sqrt(seconds)
        pull = min(1.0, VOLATILITY_RETURN * seconds)
        spread = VOLATILITY_SPREAD * math.sqrt(2 * VOLATILITY_RETURN)
        self._level += -self._level * pull + spread * root * gauss(0.0, 1.0)
        scale = math.exp(self._level) * root / math.sqrt(SECONDS_PER_YEAR)
        market = MARKET_VOLATILITY * scale * gauss(0.0, 1.0) + self._jump(MARKET_JUMPS, MARKET_JUMP_SIZE, seconds)
        for index, asset in enumerate(self._assets):
            move = asset.beta * market + asset.volatility * scale * gauss(0.0, 1.0)
            if asset.reversion:
                move += (self._anchors[index] - self._logs[index]) * min(1.0, asset.reversion * seconds)
            self._logs[index] += move
            self.prices[index] = math.exp(self._logs[index])
        self._jump_one(seconds)

    def _jump(self, rate: float, size: float, seconds: float) -> float:
        return self._chance.gauss(0.0, size) if self._chance.random() < rate * seconds else 0.0

    def _jump_one(self, seconds: float) -> None:
        jump = self._jump(ASSET_JUMPS * len(self._assets), ASSET_JUMP_SIZE, seconds)
        index = self._chance.randrange(len(self._assets)) if jump else 0
        if jump and not self._assets[index].reversion:
            self._logs[index] += jump
            self.prices[index] = math.exp(self._logs[index])
