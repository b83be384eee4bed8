"""E-mail addresses: which are accepted, and when two are the same.

The check is of form only, after RFC 5321 (lengths) and RFC 1123 (host names); that an address exists only its owner
can show.
"""

import re
import unicodedata

MAX_LENGTH = 254  # characters, RFC 5321 4.5.3.1.3 less the angle brackets
MAX_LOCAL_LENGTH = 64

_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]+")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normalise(email: str) -> str:
    """The form under which an address is unique: no outer space, NFKC, case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold()).strip()


def problem(email: str) -> str:
    """What is wrong with an address, in words for its owner; empty when nothing is."""
    address = normalise(email)
    local, at, domain = address.rpartition("@")
    if not address:
        return "is required"
    if len(address) > MAX_LENGTH or len(local) > MAX_LOCAL_LENGTH:
        return f"must have at most {MAX_LENGTH} characters, {MAX_LOCAL_LENGTH} before the @"
    if not at or not _is_local_part(local) or not _is_domain(domain):
        return "must be an e-mail address like name@example.com"
    return ""


def _is_local_part(local: str) -> bool:
    return bool(_LOCAL.fullmatch(local)) and not local.startswith(".") and not local.endswith(".") and ".." not in local


def _is_domain(domain: str) -> bool:
    try:
        labels = domain.encode("idna").decode("ascii").split(".")
    except UnicodeError:
        return False
    return len(labels) >= 2 and all(_LABEL.fullmatch(label) for label in labels)
