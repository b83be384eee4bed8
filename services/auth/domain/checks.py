"""What requests must hold: all that is wrong is told at once, field by field."""

import unicodedata

from services.kit.errors import FieldError, InvalidInput


def check(**problems: str) -> None:
    """Raise InvalidInput with all fields that have a problem."""
    fields = tuple(FieldError(name, text) for name, text in problems.items() if text)
    if fields:
        raise InvalidInput("; ".join(f"{field.field} {field.message}" for field in fields), fields=fields)


def required(text: str) -> str:
    """What is wrong with a text that must be given."""
    return "" if text else "is required"


def name_problem(name: str, longest: int) -> str:
    """What is wrong with a name to show, of at most so many characters."""
    if len(name.strip()) > longest:
        return f"must have at most {longest} characters"
    if any(unicodedata.category(character) == "Cc" for character in name.strip()):
        return "must not contain control characters"
    return ""
