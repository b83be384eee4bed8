"""What the events of clients carry, checked."""

from collections.abc import Sequence

MAX_NAMES = 500  # channels in one request

Arguments = tuple[object, ...]


class Malformed(ValueError):
    """The arguments of an event are wrong; the text says how."""


def names_in(event: str, arguments: Arguments) -> Sequence[str]:
    """The channel names of `subscribe` and `unsubscribe`: one array of strings, or for one channel a string.

    Raises Malformed.
    """
    names = arguments[0] if len(arguments) == 1 else None
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list):
        raise Malformed(f"{event} takes one array of channel names")
    if len(names) > MAX_NAMES:
        raise Malformed(f"{event} takes at most {MAX_NAMES} channel names")
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise Malformed(f"channel {index} must be a string")
    return names


def pace_in(options: object = None) -> float | None:
    """The updates per second that the options of `subscribe` wish for; None for as many as the channels have.

    Raises Malformed.
    """
    if options is None:
        return None
    if not isinstance(options, dict):
        raise Malformed("options must be an object, {hz}")
    for name in options.keys() - {"hz"}:
        raise Malformed(f"unknown option {name}; there is hz")
    hz = options.get("hz", 1)
    if isinstance(hz, bool) or not isinstance(hz, int | float) or not hz > 0:
        raise Malformed("hz must be a number above 0")
    return hz if options else None
