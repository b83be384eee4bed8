"""The examples of /openapi.json are asked of the whole suite: no service finds one wrong, all answer as described."""

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.integration.stack import ADMIN_EMAIL, ADMIN_PASSWORD, RECORDINGS, Stack, started
from tests.unit.gateway.harness import OPERATIONS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# What an example may meet that speaks of what this suite does not hold: no token, no such thing, or one already.
UNKNOWN_HERE = {401, 404, 409}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with started(
        f"RECORDINGS={RECORDINGS}",
        "CV_GATEWAY_RATE_LIMIT_FACTOR=1000",
        f"CV_ADMIN_EMAIL={ADMIN_EMAIL}",
        f"CV_ADMIN_PASSWORD={ADMIN_PASSWORD}",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def document(stack: Stack) -> Any:
    return stack.get("/openapi.json").json()


@pytest.fixture(scope="module")
def admin(stack: Stack) -> str:
    account = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    return str(stack.post("/api/auth/login", account).json()["access_token"])


def new_user(stack: Stack, document: Any) -> str:
    """The token of somebody who has registered as the example says, under an address of their own."""
    body = document["paths"]["/api/auth/register"]["post"]["requestBody"]["content"]["application/json"]["example"]
    account = {**body, "email": f"{secrets.token_hex(8)}@example.org"}
    return str(stack.post("/api/auth/register", account).json()["access_token"])


def example_request(url: str, path: str, verb: str, described: Any, token: str) -> httpx.Request:
    query = {}
    for parameter in described["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
        elif "example" in parameter:
            query[parameter["name"]] = parameter["example"]
    body = described.get("requestBody", {"content": {"application/json": {}}})["content"]["application/json"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Request(verb, url + path, params=query, json=body.get("example"), headers=headers)


def read(answer: httpx.Response) -> Any:
    """The answer's value, or that of its first event."""
    if answer.headers["content-type"] != "text/event-stream":
        return json.loads(answer.read())
    return next(json.loads(line.removeprefix("data:")) for line in answer.iter_lines() if line.startswith("data:"))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_service_finds_an_example_wrong(stack: Stack, document: Any, admin: str, operation: Any) -> None:
    path, verb = operation.template.shown, operation.verb.lower()
    described = document["paths"][path][verb]
    token = admin if described["x-policy"]["access"] == "admin" else new_user(stack, document)
    with httpx.Client(timeout=20) as client:
        request = example_request(stack.url, path, verb, described, token)
        with closing(client.send(request, stream=True)) as answer:
            value = read(answer)
    assert answer.status_code in {200, *UNKNOWN_HERE}, value
    response = described["responses"][str(answer.status_code)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = next(iter(response["content"].values()))["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)
