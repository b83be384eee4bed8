"""The suite as a whole, as its users meet it: `make up` with recorded exchange traffic, REST, sockets, failures."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal

import httpx
import psutil
import pytest
import socketio

from tests.integration.stack import ADMIN_EMAIL, ADMIN_PASSWORD, RECORDINGS, ROOT, Stack, started, stop, until, words_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SERVICES = ("auth", "prices", "cache", "realtime", "gateway")
SERVERS = {"valkey-server": "redis", "nats-server": "nats", "postgres": "postgres"}
RECOVERY = 10.0  # seconds
# What the recordings hold for Binance's spot BTCUSDT on 2024-08-08 (SOURCES.md): every price lies in this range.
BTC_RANGE = (Decimal(61000), Decimal(62500))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    assert RECORDINGS.is_dir(), f"the recordings are missing: {RECORDINGS} (set CV_RECORDINGS to their folder)"
    with started(
        f"RECORDINGS={RECORDINGS}",
        "CV_GATEWAY_RATE_LIMIT_FACTOR=1000",
        f"CV_ADMIN_EMAIL={ADMIN_EMAIL}",
        f"CV_ADMIN_PASSWORD={ADMIN_PASSWORD}",
    ) as running:
        yield running


def btc(stack: Stack) -> dict:
    return stack.get("/api/prices/BTC-USD").json()


def curl(*arguments: str) -> tuple[str, str]:
    """The HTTP version and the body that curl saw."""
    command = ["curl", "-s", "-w", "\\n%{http_version}", *arguments]
    body, _, version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return version, body


@pytest.mark.parametrize("way", ["h2c", "tls"])
def test_prices_come_from_the_recordings_over_http2(stack, way):
    target = ["--http2-prior-knowledge", stack.url] if way == "h2c" else ["-k", "--http2", stack.tls_url]
    version, body = curl(*target[:-1], target[-1] + "/api/prices")
    prices = {price["symbol"]: price for price in json.loads(body)["prices"]}
    bitcoin = prices["BTC-USD"]
    assert version == "2"
    assert BTC_RANGE[0] < Decimal(bitcoin["price"]) < BTC_RANGE[1]
    assert bitcoin["simulated"] is True
    assert bitcoin["sources"][0]["venue"] == "binance"
    assert bitcoin["sources"][0]["age_ms"] >= 0


def test_a_stock_client_gets_a_snapshot_and_then_updates(stack):
    script = ROOT / "tests" / "integration" / "socketio_client.mjs"
    command = ["node", str(script), stack.url, "prices", "4"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
    events = [json.loads(line) for line in finished.stdout.splitlines()]
    updates = [event["data"] for event in events if event["event"] == "price_update"]
    assert events[0]["event"] == "hello"
    assert "BTC-USD" in updates[0]["prices"]
    assert len(updates) >= 4
    assert updates[-1]["prices"].items() != updates[0]["prices"].items()
    assert updates[0]["published_at"] <= updates[0]["sent_at"]


async def test_the_python_client_is_served_as_well(stack):
    updates: list[dict] = []
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(stack.url, transports=["websocket"])
        hello = await client.receive(timeout=5)
        answer = await client.call("subscribe", ["prices:BTC-USD", "notifications"])
        while len(updates) < 3:
            name, data = await client.receive(timeout=10)
            updates += [data] if name == "price_update" else []
    assert hello[0] == "hello"
    assert answer["subscribed"] == ["prices:BTC-USD"]
    assert answer["rejected"][0]["channel"] == "notifications"
    assert all(list(update["prices"]) == ["BTC-USD"] for update in updates)


def test_an_account_lives_from_registration_to_logout(stack):
    account = {"email": f"trader{time.time_ns()}@example.org", "password": "a long and quiet evening 7"}
    tokens = stack.post("/api/auth/register", account).json()
    me = stack.get("/api/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert me["email"] == account["email"]
    renewed = stack.post("/api/auth/refresh", {"refresh_token": tokens["refresh_token"]}).json()
    assert renewed["session_id"] == tokens["session_id"]
    assert stack.post("/api/auth/logout", {}, token=renewed["access_token"]).status_code == 200
    until(lambda: stack.post("/api/auth/logout", {}, token=renewed["access_token"]).status_code == 401, 2)


async def test_an_admins_broadcast_reaches_a_user(stack):
    account = {"email": f"trader{time.time_ns()}@example.org", "password": "a long and quiet evening 7"}
    user = stack.post("/api/auth/register", account).json()
    admin = stack.post("/api/auth/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).json()
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(stack.url, auth={"token": user["access_token"]})
        await client.call("subscribe", ["notifications"])
        me = stack.get("/api/auth/me", headers={"Authorization": f"Bearer {user['access_token']}"}).json()
        body = {"event": "order_filled", "data": {"order": "o-1"}}
        sent = stack.post(f"/api/broadcast/user/{me['user_id']}", body, token=admin["access_token"])
        assert sent.status_code == 200
        name, data = "", None
        while name != "order_filled":
            name, data, *_ = await client.receive(timeout=5)
    assert data == {"order": "o-1"}


@pytest.mark.parametrize(
    ("request_of", "status", "field"),
    [
        (lambda s: s.get("/api/prices/NOPE-USD"), 404, None),
        (lambda s: httpx.post(s.url + "/api/auth/login", content=b"{not json"), 400, "body"),
        (lambda s: s.post("/api/auth/login", {"email": 7, "password": "x"}), 400, "email"),
        (lambda s: s.post("/api/auth/login", {"password": "x"}), 400, "email"),
        (lambda s: s.get("/api/prices/BTC-USD/candles?limit=many"), 400, "limit"),
        (lambda s: s.get("/api/auth/me"), 401, None),
        (lambda s: s.post("/api/broadcast/all", {"event": "x", "data": {}}), 401, None),
        (lambda s: httpx.post(s.url + "/api/auth/login", content=b"x" * 10_000_000), 413, None),
        (lambda s: s.get("/api/nothing-here"), 404, None),
    ],
)
def test_a_mistake_gets_a_problem_that_names_it(stack, request_of, status, field):
    answer = request_of(stack)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert field is None or field in [error["field"] for error in problem["errors"]]
    assert "Traceback" not in answer.text


def component(stack: Stack, name: str) -> str:
    return stack.get("/health").json()["components"][name]["status"]


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "gateway"])
def test_a_killed_service_is_named_and_comes_back_while_the_rest_answer(stack, service):
    until(lambda: stack.get("/health").json()["status"] == "ok", 30)
    killed = stack.process_of(service)
    kill(killed)
    until(lambda: component(stack, service) != "ok", 5)
    assert stack.get("/ping").status_code == 200
    assert stack.get("/health").status_code == 200
    until(lambda: stack.get("/health").json()["status"] == "ok" and btc(stack)["price"], RECOVERY)
    assert stack.process_of(service).pid != killed.pid


def processes_of(stack: Stack, part: str) -> list[psutil.Process]:
    return [process for process in stack.processes() if any(word.startswith(part) for word in words_of(process))]


@pytest.mark.parametrize("part", ["auth", "cache", "realtime", *SERVERS])
def test_health_names_a_part_that_hangs_and_the_rest_goes_on(stack, part):
    until(lambda: stack.get("/health").json()["status"] == "ok", 30)
    hanging, name = processes_of(stack, part), SERVERS.get(part, part)
    try:
        for process in hanging:
            process.suspend()
        until(lambda: component(stack, name) != "ok", 10)
        report = stack.get("/health")
        assert (report.status_code, report.json()["status"]) == (200, "degraded")
        assert stack.get("/ping").status_code == 200
        assert btc(stack)["price"]
    finally:
        for process in hanging:
            process.resume()
    until(lambda: stack.get("/health").json()["status"] == "ok", RECOVERY)


def test_a_killed_gateway_comes_back(stack):
    kill(stack.process_of("gateway"))
    until(lambda: stack.get("/health").json()["status"] == "ok", RECOVERY)
    assert btc(stack)["price"]


@pytest.mark.parametrize("server", list(SERVERS))
def test_when_a_server_is_killed_no_service_crashes_and_everything_resumes(stack, server):
    until(lambda: stack.get("/health").json()["status"] == "ok", 30)
    before = {name: stack.process_of(name).pid for name in SERVICES}
    sequence, killed = btc(stack)["seq"], stack.process_of(server)
    kill(killed)
    until(lambda: stack.process_of(server).pid != killed.pid, RECOVERY)
    until(lambda: stack.get("/health").json()["status"] == "ok", RECOVERY)
    until(lambda: btc(stack)["seq"] > sequence, RECOVERY)
    assert {name: stack.process_of(name).pid for name in SERVICES} == before  # nothing crashed


def test_too_many_requests_get_429_with_the_rate_limit_headers_and_stopping_leaves_nothing():
    with started() as running:
        answers = [running.get("/api/symbols") for _ in range(70)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert {"ratelimit", "ratelimit-policy", "retry-after"} <= set(refused.headers)
        assert btc_or_any(running)["simulated"] is True
        everything = running.processes()
        stop(running)
        assert [process.pid for process in everything if process.is_running()] == []


def btc_or_any(stack: Stack) -> dict:
    return stack.get("/api/prices/BTC-USD").json()


def test_stopping_make_up_by_sigterm_is_clean():
    with started() as running:
        everything = running.processes()
        os.kill(running.process.pid, signal.SIGTERM)
        running.process.wait(60)
        until(lambda: not [process for process in everything if process.is_running()], 10)
    assert running.process.returncode is not None
