"""The simulator's settings."""

from dataclasses import dataclass

from services.kit.settings import CommonSettings, setting
from simulator.generator.universe import MAXIMUM_SYMBOLS


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """What `python -m simulator` is told."""

    host: str = setting("CV_SIMULATOR_HOST", "Address the fake exchanges listen on", default="127.0.0.1")
    port: int = setting(
        "CV_SIMULATOR_PORT", "Port of the fake exchanges; 0 takes a free one", default=8090, minimum=0, maximum=65535
    )
    seed: int = setting("CV_SIMULATOR_SEED", "Seed of the invented market: same seed, same prices", default=1)
    symbols: int = setting(
        "CV_SIMULATOR_SYMBOLS",
        "Number of invented markets; beyond 20 their tickers are made up",
        default=20,
        minimum=1,
        maximum=MAXIMUM_SYMBOLS,
    )
    rate: float = setting(
        "CV_SIMULATOR_RATE", "Factor on the invented market's message rate", default=1.0, minimum=0.01, maximum=1000
    )
    recordings: str | None = setting(
        "CV_SIMULATOR_RECORDINGS", "Folder of recorded exchange traffic to replay instead of inventing", default=None
    )
    speed: float = setting(
        "CV_SIMULATOR_SPEED", "How many times faster than recorded to replay", default=1.0, minimum=0.01, maximum=1000
    )
