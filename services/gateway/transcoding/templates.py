"""Path templates of google.api.http, as far as REST needs them: literals and variables.

/api/prices/{symbol}/candles     one variable for one segment
/files/{path=**}                 the last variable may take all that is left
"""

import re
from dataclasses import dataclass

_VARIABLE = re.compile(r"\{(?P<field>[a-z_][a-z0-9_.]*)(?:=(?P<extent>\*{1,2}))?\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True)
class Segment:
    """One part of a path: a literal, or a variable bound to a field (nested ones with dots)."""

    text: str
    variable: bool = False
    rest: bool = False  # takes every segment that is left


@dataclass(frozen=True)
class Template:
    """A parsed path template."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the path binds, in order."""
        return tuple(segment.text for segment in self.segments if segment.variable)

    @property
    def shown(self) -> str:
        """The template as OpenAPI writes it."""
        return "/" + "/".join(f"{{{part.text}}}" if part.variable else part.text for part in self.segments)


def parse(text: str) -> Template:
    """Parse a template. Raises ValueError for what it does not know."""
    if not text.startswith("/"):
        raise ValueError(f"path template {text!r} does not begin with /")
    segments = tuple(_segment(part, text) for part in text[1:].split("/"))
    if any(segment.rest for segment in segments[:-1]):
        raise ValueError(f"path template {text!r}: only the last variable may be =**")
    return Template(text, segments)


def _segment(part: str, text: str) -> Segment:
    variable = _VARIABLE.fullmatch(part)
    if variable is not None:
        return Segment(variable["field"], variable=True, rest=variable["extent"] == "**")
    if _LITERAL.fullmatch(part) is None:
        raise ValueError(f"path template {text!r}: {part!r} is neither a literal nor a variable")
    return Segment(part)
