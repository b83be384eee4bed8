"""A bar chart as SVG, without a plotting library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABELS, NUMBERS = 900, 430, 80  # pixels: all of it, the names' share, and the figures'
BAR, GAP, TOP = 20, 8, 44
FONT = 'font-family="sans-serif" font-size="13"'
INK, OURS, OTHERS = "#1f2937", "#0f766e", "#94a3b8"


@dataclass(frozen=True)
class Bar:
    """One bar."""

    label: str
    value: float
    ours: bool


def chart(title: str, bars: Sequence[Bar]) -> str:
    """The chart, the longest bar first."""
    ordered = sorted(bars, key=lambda bar: -bar.value)
    height = TOP + len(bars) * (BAR + GAP) + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f'<text x="{GAP}" y="24" font-size="15" font-weight="bold" fill="{INK}">{escape(title)}</text>'
    )
    return "\n".join((head, *_rows(ordered), "</svg>\n"))


def _rows(bars: Sequence[Bar]) -> Iterator[str]:
    scale = (WIDTH - LABELS - NUMBERS) / max((bar.value for bar in bars), default=1.0)
    for row, bar in enumerate(bars):
        top = TOP + row * (BAR + GAP)
        length, middle = max(1.0, bar.value * scale), top + BAR * 0.7
        yield (
            f'<text x="{LABELS - GAP}" y="{middle:.0f}" text-anchor="end" fill="{INK}">{escape(bar.label)}</text>'
            f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{OURS if bar.ours else OTHERS}"/>'
            f'<text x="{LABELS + length + GAP:.0f}" y="{middle:.0f}" fill="{INK}">{bar.value:,.0f}</text>'
        )
