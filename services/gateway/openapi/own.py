"""What the description says beside the protos: the gateway's own paths, problems, headers and security schemes."""

from typing import Any

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


def _problem(description: str, *headers: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if headers:
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return response


ERRORS: dict[str, Any] = {
    "InvalidInput": _problem("A field, a parameter or the body is wrong; `errors` names each."),
    "Unauthenticated": _problem("No valid credentials."),
    "PermissionDenied": _problem("The caller may not."),
    "NotFound": _problem("There is no such thing."),
    "AlreadyExists": _problem("There is one already."),
    "PayloadTooLarge": _problem("The body is larger than the route takes."),
    "TooManyRequests": _problem("The quota is used up.", "RateLimit", "RateLimit-Policy", "Retry-After"),
    "Unavailable": _problem("A part that is needed is away.", "Retry-After"),
    "TooLate": _problem("The answer did not come in time."),
}

HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": "What is left of the quota (r), and in how many seconds it is whole again (t).",
        "schema": _TEXT,
        "example": '"ip";r=59;t=1',
    },
    "RateLimit-Policy": {
        "description": "The quota (q) in a window of so many seconds (w).",
        "schema": _TEXT,
        "example": '"ip";q=60;w=60',
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "example": 1},
    "X-Request-Id": {"description": "The request's id: the client's own, or a new one.", "schema": _TEXT},
}

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token from /api/auth/login.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key from /api/auth/api-keys. A token that is sent as well counts instead.",
    },
}

_STATE = {"type": "object", "properties": {"status": _TEXT}}
_HEALTH = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok", "degraded", "down"]},
        "components": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "status": {"type": "string", "enum": ["ok", "down"]},
                    "latency_ms": {"type": "number"},
                    "detail": _TEXT,
                },
            },
        },
    },
}


def _get(name: str, summary: str, schema: dict[str, Any], **others: str) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"description": summary + ".", "content": content}}
    responses |= {f"{status}": {"description": text, "content": content} for status, text in others.items()}
    return {
        "get": {
            "operationId": f"gateway_{name}",
            "tags": ["gateway"],
            "summary": summary,
            "parameters": [],
            "responses": {status.removeprefix("_"): response for status, response in responses.items()},
            "security": [],
        }
    }


OWN_PATHS: dict[str, Any] = {
    "/ping": _get("ping", "Answers, and touches nothing else", _STATE),
    "/live": _get("live", "Whether the process deserves to go on", _STATE),
    "/ready": _get("ready", "Whether the gateway should be sent work", _STATE, _503="Not ready."),
    "/health": _get("health", "How every part of the suite is", _HEALTH, _503="Nothing can be served."),
}
