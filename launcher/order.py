"""The order of stopping: whatever depends on a process stops before it."""

from collections.abc import Sequence

from launcher.model import Process


def stopping_waves(rows: Sequence[Process]) -> list[tuple[Process, ...]]:
    """Groups to be stopped one after the other; within a group all at once. Raises ValueError on a cycle."""
    waves: list[tuple[Process, ...]] = []
    left = list(rows)
    while left:
        needed = {name for row in left for name in row.depends_on}
        wave = tuple(row for row in left if row.name not in needed)
        if not wave:
            raise ValueError(f"these depend on each other in a circle: {', '.join(row.name for row in left)}")
        waves.append(wave)
        left = [row for row in left if row not in wave]
    return waves
