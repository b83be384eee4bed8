"""The stack table as docs/architecture.md shows it."""

from collections.abc import Sequence

from launcher.model import Process

BEGIN = "<!-- stack: begin (python -m launcher stack --markdown) -->"
END = "<!-- stack: end -->"


def markdown(rows: Sequence[Process]) -> str:
    """A Markdown table between its markers: name, what it does, ports, what it depends on."""
    lines = ["| process | what | ports | depends on |", "|---|---|---|---|"]
    for row in rows:
        ports = ", ".join(f"{port.default}{f' ({port.variable})' if port.variable else ''}" for port in row.ports)
        lines.append(f"| {row.name} | {row.what} | {ports} | {', '.join(row.depends_on) or '-'} |")
    return "\n".join([BEGIN, *lines, END])
