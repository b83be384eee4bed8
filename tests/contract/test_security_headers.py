"""The promise: every answer carries the security headers, whatever its status and kind."""

import pytest

from services.gateway.pipeline.exchange import Answer
from services.gateway.pipeline.security_headers import security_headers
from tests.unit.gateway.harness import USER, Harness

EXPECTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "0",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
PATHS = [
    "/ping",
    "/health",
    "/openapi.json",
    "/docs",
    "/",
    "/api/prices",
    "/api/nothing",
    "/api/auth/me",
    "/api/venues",
]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_carries_them(harness: Harness, path: str) -> None:
    headers = (await harness.client.get(path)).headers
    assert {name: headers[name] for name in EXPECTED} == EXPECTED
    assert "camera=()" in headers["permissions-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "x-powered-by" not in headers


async def test_data_may_load_nothing_and_pages_only_their_own(harness: Harness) -> None:
    data = (await harness.client.get("/api/prices")).headers["content-security-policy"]
    page = (await harness.client.get("/docs")).headers["content-security-policy"]
    assert data == "default-src 'none'; frame-ancestors 'none'"
    assert "script-src 'self';" in page
    assert "unsafe" not in page


async def test_personal_answers_are_not_stored(harness: Harness) -> None:
    login = await harness.client.post("/api/auth/login", json={"password": "correct horse battery staple"})
    me = await harness.client.get("/api/auth/me", headers=USER)
    assert (login.headers["cache-control"], me.headers["cache-control"]) == ("no-store", "no-store")


def test_hsts_is_said_on_tls_only() -> None:
    answer = Answer(200, [])
    names = {name for name, _ in security_headers(answer, secure=True)}
    assert b"strict-transport-security" in names
    assert b"strict-transport-security" not in {name for name, _ in security_headers(answer, secure=False)}
