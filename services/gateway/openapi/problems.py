"""Problems (RFC 9457): their schema, and what every operation may answer instead of what was asked for."""

from typing import Any

import msgspec

from services.kit.errors import (
    AlreadyExists,
    CryptoVaultError,
    DeadlineExceeded,
    FieldError,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    problem,
)

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"  # the example of W3C Trace Context

_TEXT = {"type": "string"}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Which kind of problem it is."},
        "title": {**_TEXT, "description": "The kind of problem in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {**_TEXT, "description": "What happened this time."},
        "instance": {**_TEXT, "description": "The path that was asked for."},
        "trace_id": {**_TEXT, "description": "Tells the operators which request it was."},
        "errors": {
            "type": "array",
            "description": "The fields that are wrong.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT},
            },
        },
    },
}


def _problem(description: str, error: CryptoVaultError, path: str, *headers: str) -> dict[str, Any]:
    example = msgspec.json.decode(problem(error, instance=path, trace_id=TRACE_ID))
    media = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    response: dict[str, Any] = {"description": description, "content": {"application/problem+json": media}}
    if headers:
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return response


ERRORS: dict[str, Any] = {
    "InvalidInput": _problem(
        "A field, a parameter or the body is wrong; `errors` names each.",
        InvalidInput("limit must be a whole number", fields=(FieldError("limit", "must be a whole number"),)),
        "/api/prices/BTC-USD/candles",
    ),
    "Unauthenticated": _problem(
        "No valid credentials.",
        Unauthenticated("sign in first: send Authorization: Bearer <access token>, or X-API-Key"),
        "/api/auth/me",
    ),
    "PermissionDenied": _problem(
        "The caller may not.", PermissionDenied("this needs the scope 'admin'"), "/api/sockets"
    ),
    "NotFound": _problem("There is no such thing.", NotFound("there is no symbol 'BTC-XYZ'"), "/api/prices/BTC-XYZ"),
    "AlreadyExists": _problem(
        "There is one already.",
        AlreadyExists("there is an account already", fields=(FieldError("email", "is taken"),)),
        "/api/auth/register",
    ),
    "PayloadTooLarge": _problem(
        "The body is larger than the route takes.",
        PayloadTooLarge("the body is larger than 65536 bytes, the most that is taken here"),
        "/api/auth/login",
    ),
    "TooManyRequests": _problem(
        "The quota is used up.",
        TooManyRequests("the quota of 60 in 60 seconds is used up"),
        "/api/prices",
        *("RateLimit", "RateLimit-Policy", "Retry-After"),
    ),
    "Unavailable": _problem(
        "A part that is needed is away.", Unavailable("prices is not answering"), "/api/prices/BTC-USD", "Retry-After"
    ),
    "TooLate": _problem(
        "The answer did not come in time.",
        DeadlineExceeded("prices did not answer in time"),
        "/api/prices/BTC-USD/candles",
    ),
}
