"""The stack table as docs/architecture.md shows it."""

from collections.abc import Sequence

from launcher.model import Process

BEGIN = "<!-- stack: begin (written by `make config-doc`) -->"
END = "<!-- stack: end -->"


def markdown(rows: Sequence[Process]) -> str:
    """A Markdown table between its markers: name, what it does, ports, what it depends on."""
    lines = ["| process | what | ports | depends on |", "|---|---|---|---|"]
    for row in rows:
        ports = ", ".join(f"{port.default}{f' ({port.variable})' if port.variable else ''}" for port in row.ports)
        lines.append(f"| {row.name} | {row.what} | {ports} | {', '.join(row.depends_on) or '-'} |")
    return "\n".join([BEGIN, *lines, END])


def with_table(text: str, rows: Sequence[Process]) -> str:
    """A document with the table between its markers made current. Raises ValueError when it has no markers."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"the markers {BEGIN} and {END} are missing")
    return before + markdown(rows) + after
