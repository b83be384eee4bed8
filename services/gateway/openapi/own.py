"""What the description says beside the protos: the gateway's own paths, headers and security schemes."""

from typing import Any

import msgspec

from services.gateway.components import DEGRADED, DOWN, OK, Component, Report
from services.gateway.openapi.problems import TRACE_ID

_TEXT = {"type": "string"}

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
    "X-Request-Id": {
        "description": "The request's id: the client's own, or a new one.",
        "schema": _TEXT,
        "example": TRACE_ID,
    },
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

_STATE = {"type": "object", "required": ["status"], "properties": {"status": _TEXT}}
_HEALTH = {
    "type": "object",
    "required": ["status", "components"],
    "properties": {
        "status": {"type": "string", "enum": [OK, DEGRADED, DOWN]},
        "components": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["status", "latency_ms", "detail"],
                "properties": {
                    "status": {"type": "string", "enum": [OK, DEGRADED, DOWN]},
                    "latency_ms": {"type": "number"},
                    "detail": _TEXT,
                },
            },
        },
    },
}
_AWAY = Component(DOWN, 1000.0, "no answer in time")


def _state(status: str) -> dict[str, str]:
    return {"status": status}


def _health(status: str, **components: Component) -> Any:
    return msgspec.to_builtins(Report(status, components))


def _answer(description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": f"gateway_{name}",
            "tags": ["gateway"],
            "summary": summary,
            "parameters": [],
            "responses": responses,
            "security": [],
        }
    }


OWN_PATHS: dict[str, Any] = {
    "/ping": _get(
        "ping", "Answers, and touches nothing else", {"200": _answer("It has answered.", _STATE, _state("ok"))}
    ),
    "/live": _get(
        "live",
        "Whether the process deserves to go on",
        {
            "200": _answer("It does.", _STATE, _state("live")),
            "503": _answer("It should be started anew.", _STATE, _state("not live")),
        },
    ),
    "/ready": _get(
        "ready",
        "Whether the gateway should be sent work",
        {
            "200": _answer("It should.", _STATE, _state("ready")),
            "503": _answer("Not now.", _STATE, _state("not ready")),
        },
    ),
    "/health": _get(
        "health",
        "How every part of the suite is",
        {
            "200": _answer(
                "Something can be served; `degraded` names what is away.",
                _HEALTH,
                _health(DEGRADED, redis=Component(OK, 0.4), prices=Component(OK, 1.2), auth=_AWAY),
            ),
            "503": _answer("Nothing can be served.", _HEALTH, _health(DOWN, prices=_AWAY, auth=_AWAY)),
        },
    ),
}
