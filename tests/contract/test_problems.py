"""The promise: every error is application/problem+json (RFC 9457) with a trace id, and never a traceback."""

from typing import Any

import pytest

from services.kit.errors import DeadlineExceeded
from tests.unit.gateway.harness import ADMIN, USER, Harness

CASES: list[tuple[str, str, dict[str, Any], int, list[str]]] = [
    ("GET", "/api/nothing", {}, 404, []),
    ("POST", "/nothing", {}, 404, []),
    ("GET", "/api/prices/NOPE-USD", {}, 404, []),
    ("GET", "/api/prices/NOPE-USD/stream", {}, 404, []),
    ("GET", "/api/prices?colour=red", {}, 400, ["colour"]),
    ("GET", "/api/prices/BTC-USD/candles?limit=ten&start=now", {}, 400, ["limit", "start"]),
    ("GET", "/api/prices/%ff", {}, 400, ["path"]),
    ("POST", "/api/auth/login", {"content": b"{"}, 400, ["body"]),
    ("POST", "/api/auth/login", {"content": b'{"email":1}'}, 400, ["email"]),
    ("POST", "/api/auth/login", {"content": b"[]"}, 400, ["body"]),
    ("POST", "/api/auth/login", {"content": b"{}", "headers": {"content-length": "two"}}, 400, ["content-length"]),
    ("POST", "/api/auth/register", {"json": {}}, 400, ["email"]),
    ("POST", "/api/auth/register", {"json": {"email": "a@b.c"}}, 409, []),
    ("POST", "/api/auth/login", {"json": {"password": "wrong"}}, 401, []),
    ("GET", "/api/auth/me", {}, 401, []),
    ("DELETE", "/api/cache?pattern=x", {"headers": USER}, 403, []),
    ("PUT", "/api/prices", {}, 405, []),
    ("POST", "/api/auth/login", {"content": b"x" * 70_000}, 413, []),
    ("GET", "/api/venues", {}, 500, []),
    ("GET", "/api/cache/stats", {}, 503, []),
    ("POST", "/api/broadcast/all", {"headers": ADMIN, "json": {"event": "x"}}, 503, []),
]


@pytest.mark.parametrize(("verb", "path", "request_parts", "status", "fields"), CASES)
async def test_errors_are_problems(
    harness: Harness, verb: str, path: str, request_parts: dict[str, Any], status: int, fields: list[str]
) -> None:
    answer = await harness.client.request(verb, path, **request_parts)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert set(problem) == {"type", "title", "status", "detail", "instance", "trace_id", "errors"}
    assert (problem["status"], problem["instance"]) == (status, path.partition("?")[0])
    assert len(problem["trace_id"]) == 32
    assert [error["field"] for error in problem["errors"]] == fields
    assert "Traceback" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_a_late_upstream_is_a_504(harness: Harness) -> None:
    harness.prices.failures = [DeadlineExceeded()]
    answer = await harness.client.get("/api/prices")
    assert (answer.status_code, answer.json()["detail"]) == (504, "prices did not answer in time")


async def test_a_refused_caller_is_told_how_to_sign_in(harness: Harness) -> None:
    answer = await harness.client.get("/api/auth/me")
    assert answer.headers["www-authenticate"].startswith("Bearer ")
