"""Exact numbers and how they are written."""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

BASIS_POINT = Decimal("0.0001")


def places(value: Decimal) -> int:
    """Digits after the point that mean something: 2 for 61837.63000000, 0 for 1E+3."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def plain(value: Decimal, digits: int = 0) -> str:
    """Write a decimal without exponent: every digit that means something, and at least `digits` after the point."""
    return f"{value:.{max(digits, places(value))}f}"


def midpoint(low: Decimal, high: Decimal, digits: int) -> Decimal:
    """The middle of two prices, on a grid of `digits` after the point; it lies between them when they are on it."""
    return ((low + high) / 2).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def round_up(value: Decimal, digits: int) -> Decimal:
    """Round towards positive infinity to `digits` after the point."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING)
