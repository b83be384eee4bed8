"""An invented market: correlated random walks seen through three exchanges, the same for the same seed."""

from simulator.generator.source import GeneratorSource

__all__ = ["GeneratorSource"]
