"""Requests through the whole pipeline, with real gRPC upstreams behind it."""

import asyncio
from contextlib import AsyncExitStack

import grpc
import pytest
from cryptovault.cache.v1.cache_service_pb2_grpc import add_CacheServiceServicer_to_server
from opentelemetry.sdk.trace import TracerProvider

from services.kit import telemetry
from services.kit.breaker import State
from services.kit.errors import Unavailable
from services.kit.sampling import configured
from tests.unit.gateway.harness import ADMIN, USER, FakeCache, Harness, gateway, start_upstream


async def test_a_read_reaches_its_upstream_and_comes_back_as_json(harness: Harness) -> None:
    answer = await harness.client.get("/api/prices?symbols=BTC-USD", headers={"user-agent": "test"})
    assert answer.status_code == 200
    assert [price["symbol"] for price in answer.json()["prices"]] == ["BTC-USD", "ETH-USD"]
    assert harness.prices.last_request.symbols == ["BTC-USD"]


async def test_a_cached_answer_asks_the_upstream_once_and_says_its_age(harness: Harness) -> None:
    first = await harness.client.get("/api/prices/BTC-USD")
    harness.clock.advance(0.4)
    second = await harness.client.get("/api/prices/BTC-USD")
    assert harness.prices.calls == 1
    assert (first.content, first.headers["etag"]) == (second.content, second.headers["etag"])
    assert first.headers["age"] == second.headers["age"] == "0"
    assert second.headers["cache-control"] == "public, max-age=0, must-revalidate"


async def test_kept_answers_are_forgotten_by_area(harness: Harness) -> None:
    await harness.client.get("/api/prices/BTC-USD")
    await harness.cache.invalidate_pattern("responses:auth:*")
    await harness.client.get("/api/prices/BTC-USD")
    assert harness.prices.calls == 1
    await harness.cache.invalidate_pattern("responses:prices:*")
    await harness.client.get("/api/prices/BTC-USD")
    assert harness.prices.calls == 2


async def test_many_who_miss_at_once_cause_one_call(harness: Harness) -> None:
    harness.prices.delay = 0.05
    answers = await asyncio.gather(*(harness.client.get("/api/prices") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert harness.prices.calls == 1


async def test_errors_are_not_cached(harness: Harness) -> None:
    missing = await harness.client.get("/api/prices/NOPE-USD")
    again = await harness.client.get("/api/prices/NOPE-USD")
    assert (missing.status_code, again.status_code, harness.prices.calls) == (404, 404, 2)
    assert missing.headers["cache-control"] == "no-store"


async def test_a_cached_route_never_tells_the_upstream_who_asks(harness: Harness) -> None:
    await harness.client.get("/api/prices", headers=USER)
    assert harness.prices.last_caller.user_id == ""


async def test_a_client_that_holds_the_answer_gets_304(harness: Harness) -> None:
    etag = (await harness.client.get("/api/prices/BTC-USD")).headers["etag"]
    answer = await harness.client.get("/api/prices/BTC-USD", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


async def test_personal_answers_need_a_token_and_are_not_to_be_stored(harness: Harness) -> None:
    without = await harness.client.get("/api/auth/me")
    wrong = await harness.client.get("/api/auth/me", headers={"authorization": "Bearer nonsense"})
    right = await harness.client.get("/api/auth/me", headers=USER)
    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert without.headers["www-authenticate"] == 'Bearer realm="cryptovault"'
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert (right.json()["user_id"], right.headers["cache-control"]) == ("id-of-user-token", "no-store")


async def test_admin_routes_need_the_scope(harness: Harness) -> None:
    user = await harness.client.delete("/api/cache?pattern=user:*", headers=USER)
    admin = await harness.client.delete("/api/cache?pattern=user:*", headers=ADMIN)
    assert (user.status_code, admin.status_code) == (403, 503)  # the cache service is away in this test
    assert 'error="insufficient_scope"' in user.headers["www-authenticate"]


async def test_a_bad_token_on_a_public_route_is_an_anonymous_caller(harness: Harness) -> None:
    answer = await harness.client.get("/api/prices", headers={"authorization": "Bearer expired"})
    assert answer.status_code == 200
    assert answer.headers["ratelimit"].startswith('"ip"')


async def test_an_upstream_error_keeps_its_meaning(harness: Harness) -> None:
    login = await harness.client.post("/api/auth/login", json={"email": "a@b.c", "password": "wrong"})
    missing = await harness.client.post("/api/auth/register", json={"password": "x"})
    exists = await harness.client.post("/api/auth/register", json={"email": "a@b.c"})
    assert (login.status_code, missing.status_code, exists.status_code) == (401, 400, 409)
    assert login.headers["www-authenticate"] == 'Bearer realm="cryptovault"'
    assert missing.json()["errors"] == [{"field": "email", "message": "is required"}]


async def test_an_unexpected_fault_of_an_upstream_shows_nothing_of_itself(harness: Harness) -> None:
    answer = await harness.client.get("/api/venues")
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    assert answer.json()["detail"] == "Internal error"


async def test_an_answer_that_is_no_message_is_a_fault_that_the_log_tells_of(caplog: pytest.LogCaptureFixture) -> None:
    async def garbled(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return b"\xff"

    method = {"ListSymbols": grpc.unary_unary_rpc_method_handler(garbled)}
    service = grpc.method_handlers_generic_handler("cryptovault.prices.v1.PricesService", method)
    async with AsyncExitStack() as stack:
        address = await start_upstream(stack, (lambda _, server: server.add_generic_rpc_handlers((service,)), None))
        harness = await stack.enter_async_context(gateway(further={"prices": address}))
        answer = await harness.client.get("/api/symbols")
    assert (answer.status_code, answer.json()["detail"]) == (500, "Internal error")
    assert "GET /api/symbols failed" in caplog.messages


async def test_a_read_is_tried_once_more_when_the_upstream_was_away_and_a_write_is_not(harness: Harness) -> None:
    harness.prices.failures = [Unavailable("restarting")]
    answer = await harness.client.get("/api/prices")
    assert (answer.status_code, harness.prices.calls) == (200, 2)
    away = await harness.client.post("/api/broadcast/all", json={"event": "x"}, headers=ADMIN)
    assert (away.status_code, away.headers["retry-after"]) == (503, "1")


async def test_an_upstream_that_is_away_is_not_asked_for_a_while_and_then_again(harness: Harness) -> None:
    away = [await harness.client.get("/api/cache/stats") for _ in range(3)]
    breaker = harness.upstreams["cache"].balancer.replicas[0].breaker
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in away] == [(503, "1")] * 3
    assert breaker.state is State.OPEN
    async with AsyncExitStack() as stack:
        port = int(harness.addresses["cache"].rpartition(":")[2])
        await start_upstream(stack, (add_CacheServiceServicer_to_server, FakeCache()), port)
        async with asyncio.timeout(10):
            while breaker.state is not State.CLOSED:
                harness.clock.advance(1.0)
                await harness.client.get("/api/cache/stats")
                await asyncio.sleep(0.05)
    assert (await harness.client.get("/api/cache/stats")).status_code == 200


async def test_a_service_that_says_itself_that_it_cannot_does_not_open_the_breaker(harness: Harness) -> None:
    harness.prices.failures = [Unavailable("PostgreSQL is away") for _ in range(20)]
    answers = [await harness.client.get(f"/api/prices/{number}") for number in range(10)]
    assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {(503, "PostgreSQL is away")}
    assert harness.upstreams["prices"].balancer.state is State.CLOSED
    assert harness.prices.calls == 10 + 3  # the retry budget


async def test_the_rate_limit_factor_scales_every_limit() -> None:
    async with gateway(rate_limit_factor=0.05) as harness:
        answers = [await harness.client.get("/api/prices") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"ip";q=3;w=60'


async def test_users_have_quotas_of_their_own(harness: Harness) -> None:
    for _ in range(60):
        await harness.client.get("/api/symbols")
    anonymous = await harness.client.get("/api/symbols")
    user = await harness.client.get("/api/symbols", headers=USER)
    assert (anonymous.status_code, user.status_code) == (429, 200)
    assert user.headers["ratelimit-policy"] == '"user";q=60;w=60'


async def test_head_answers_like_get_without_a_body(harness: Harness) -> None:
    get = await harness.client.get("/api/prices/BTC-USD")
    head = await harness.client.head("/api/prices/BTC-USD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_head_of_a_stream_tells_no_length(harness: Harness) -> None:
    head = await harness.client.head("/api/prices/BTC-USD/stream")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream")
    assert "content-length" not in head.headers


async def test_options_and_wrong_verbs_say_what_is_allowed(harness: Harness) -> None:
    options = await harness.client.options("/api/prices")
    wrong = await harness.client.patch("/api/prices")
    assert (options.status_code, wrong.status_code) == (204, 405)
    assert options.headers["allow"] == wrong.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_trace_and_request_id_are_taken_over(harness: Harness) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "x-request-id": "my-request"}
    answer = await harness.client.get("/api/prices/NOPE-USD", headers=headers)
    assert answer.json()["trace_id"] == trace
    assert answer.headers["x-request-id"] == "my-request"
    assert answer.headers["traceresponse"].startswith(f"00-{trace}-")


@pytest.mark.parametrize("exporting", [False, True])
@pytest.mark.parametrize(("hops", "share", "flags"), [(0, 0.0, "00"), (1, 0.0, "01"), (0, 1.0, "01")])
async def test_a_client_s_trace_goes_on_but_is_recorded_at_its_wish_only_where_a_proxy_vouches_for_it(
    monkeypatch: pytest.MonkeyPatch, hops: int, share: float, flags: str, exporting: bool
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    monkeypatch.setattr(telemetry, "root_share", lambda: share)
    if exporting:
        provider = TracerProvider(sampler=configured({}))
        monkeypatch.setattr("services.gateway.pipeline.tracing._tracer", provider.get_tracer("t"))
    async with gateway(trusted_proxy_hops=hops) as harness:
        asked = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        answer = await harness.client.get("/api/prices/NOPE-USD", headers=asked)
    assert (answer.json()["trace_id"], answer.headers["traceresponse"][-3:]) == (trace, f"-{flags}")


async def test_a_trace_s_state_goes_to_upstreams_only_as_far_as_their_calls_have_room_for_it() -> None:
    asked = {**USER, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "user-agent": "a" * 500}
    asked["tracestate"] = ",".join(f"k{number:02}={'v' * 242}" for number in range(32))
    async with gateway(rate_limit_factor=10) as harness:
        answers = [await harness.client.get("/api/auth/me", headers=asked) for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("state", ["!", "a=1,a=2", ",".join(f"k{number}=v" for number in range(33)), "x" * 9000])
async def test_what_is_wrong_with_a_client_s_trace_is_no_line_in_the_log(
    harness: Harness, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for traceparent in (trace, trace + " " * 600):
        await harness.client.get("/ping", headers={"traceparent": traceparent, "tracestate": state})
    assert [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def test_a_request_id_that_is_no_id_is_replaced(harness: Harness) -> None:
    answer = await harness.client.get("/ping", headers={"x-request-id": "a b\tc"})
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused_whether_or_not_its_length_is_told(
    harness: Harness, declared: bool
) -> None:
    async def pieces():
        for _ in range(160):
            yield b"x" * 65536

    content = b"x" * 160 * 65536 if declared else pieces()
    answer = await harness.client.post("/api/auth/login", content=content)
    assert answer.status_code == 413
    assert answer.json()["title"] == "Payload too large"


async def test_a_stream_becomes_server_sent_events(harness: Harness) -> None:
    answer = await harness.client.get("/api/prices/BTC-USD/stream")
    events = [event for event in answer.text.split("\n\n") if event]
    assert answer.headers["content-type"] == "text/event-stream"
    assert events[0] == "retry: 2000"
    assert [event.partition(":")[0] for event in events[1:]] == ["data"] * 3
    assert '"seq":2' in events[3]


async def test_a_stream_that_fails_at_once_is_a_problem(harness: Harness) -> None:
    answer = await harness.client.get("/api/prices/NOPE-USD/stream")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_streams_end_when_the_process_stops(harness: Harness) -> None:
    harness.prices.streamed = 1_000_000
    asyncio.get_running_loop().call_later(0.3, harness.stopping.set)
    async with asyncio.timeout(5):
        answer = await harness.client.get("/api/prices/BTC-USD/stream")
    assert answer.text.startswith("retry: 2000\n\ndata: ")


async def test_cors_is_for_the_named_origins_only() -> None:
    async with gateway(cors_origins=("https://app.example",)) as harness:
        preflight = {"origin": "https://app.example", "access-control-request-method": "POST"}
        allowed = await harness.client.options("/api/auth/login", headers=preflight)
        refused = await harness.client.get("/api/prices", headers={"origin": "https://evil.example"})
        same = await harness.client.get("/api/prices")
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in refused.headers
    assert all("origin" in answer.headers["vary"] for answer in (allowed, refused, same))  # or caches would mix them up


async def test_cors_for_all_origins_is_on_every_answer_for_a_cache_may_give_it_to_any() -> None:
    async with gateway(cors_origins=("*",)) as harness:
        preflight = {"origin": "https://app.example", "access-control-request-method": "POST"}
        answers = [
            await harness.client.options("/api/auth/login", headers=preflight),
            await harness.client.get("/api/prices", headers={"origin": "https://app.example"}),
            *[await harness.client.get(path) for path in ("/api/prices", "/api/prices", "/api/prices/NOPE-USD")],
        ]
    assert [answer.status_code for answer in answers] == [204, 200, 200, 200, 404]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
    assert all("etag" in answer.headers["access-control-expose-headers"] for answer in answers)


async def test_ping_answers_and_ready_and_live_follow_the_process(harness: Harness) -> None:
    for path, status in (("/ping", "ok"), ("/live", "live"), ("/ready", "ready")):
        answer = await harness.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": status})


async def test_health_names_every_part_and_is_degraded_while_something_is_served(harness: Harness) -> None:
    answer = await harness.client.get("/health")
    states = {name: part["status"] for name, part in answer.json()["components"].items()}
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert states == {"prices": "ok", "auth": "ok", "realtime": "down", "cache": "down", "postgres": "down"}
