"""API keys as programs use them: through a gateway process in front of a running auth service."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.integration.auth.service import until

pytestmark = pytest.mark.integration


async def status(api: httpx.AsyncClient, path: str, key: str) -> int:
    return (await api.get(path, headers={"x-api-key": key, "authorization": ""})).status_code


async def test_a_key_is_made_used_and_revoked_within_a_second(api: httpx.AsyncClient) -> None:
    end = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    wish = {"name": "bot", "expires_at": end}
    created = await api.post("/api/auth/api-keys", json=wish)
    key, known = created.json()["key"], created.json()["api_key"]
    assert (created.headers["cache-control"], known["expires_at"]) == ("no-store", end)
    assert [await status(api, path, key) for path in ("/api/auth/me", "/api/auth/sessions")] == [200, 403]
    listed = (await api.get("/api/auth/api-keys")).json()["api_keys"]
    assert [(item["name"], item["tier"], item["last_used_at"] is None) for item in listed] == [("bot", "free", False)]
    assert (await api.delete(f"/api/auth/api-keys/{known['key_id']}")).status_code == 200

    async def refused() -> bool:
        return await status(api, "/api/auth/me", key) == 401

    await until(refused, limit=1)
    assert (await api.get("/api/auth/api-keys")).json() == {"api_keys": []}


async def test_a_key_draws_on_the_budget_of_its_tier(api: httpx.AsyncClient) -> None:
    key = (await api.post("/api/auth/api-keys", json={"name": "bot"})).json()["key"]
    answer = await api.get("/api/auth/me", headers={"x-api-key": key, "authorization": ""})
    assert answer.headers["ratelimit-policy"] == '"key";q=300;w=60'
    assert answer.headers["ratelimit"].startswith('"key";r=299;')


async def test_a_wish_that_cannot_be_granted_names_its_fields(api: httpx.AsyncClient) -> None:
    wish = {"name": "", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z"}
    answer = await api.post("/api/auth/api-keys", json=wish)
    assert answer.status_code == 400
    assert [item["field"] for item in answer.json()["errors"]] == ["name", "scopes", "expires_at"]


async def test_nobody_chooses_a_budget_for_oneself(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/auth/api-keys", json={"name": "bot", "tier": "pro"})
    assert (answer.status_code, [item["field"] for item in answer.json()["errors"]]) == (400, ["tier"])
