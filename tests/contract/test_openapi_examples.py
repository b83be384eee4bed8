"""The promise: every example in /openapi.json is true: the gateway takes it, or would write it just so."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.gateway.openapi.document import openapi_document
from services.gateway.transcoding.catalog import Operation
from services.gateway.transcoding.encoding import Encoders
from services.gateway.transcoding.transcoder import Transcoder
from services.kit import api_keys
from tests.unit.gateway.harness import DESCRIPTORS, OPERATIONS

DOCUMENT = msgspec.json.decode(openapi_document(OPERATIONS, DESCRIPTORS))
MEDIA = ("application/json", "application/problem+json", "text/event-stream")


def described(operation: Operation) -> Any:
    return DOCUMENT["paths"][operation.template.shown][operation.verb.lower()]


def responses() -> Iterator[tuple[str, str, Any]]:
    """Every response of every operation, with its place and its status."""
    for path, verbs in DOCUMENT["paths"].items():
        for verb, item in verbs.items():
            for status, response in item["responses"].items():
                name = response.get("$ref", "").removeprefix("#/components/responses/")
                yield f"{verb} {path} {status}", status, DOCUMENT["components"]["responses"].get(name, response)


def body_of(holder: Any) -> Any:
    """What a request's body or a response holds, whatever its kind."""
    return next(holder["content"][kind] for kind in MEDIA if kind in holder["content"])


def schemas(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of the document that is a schema with examples."""
    if isinstance(node, dict):
        if "examples" in node:
            yield place, node
        for name, child in node.items():
            if name not in ("example", "examples"):
                yield from schemas(child, f"{place}/{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from schemas(child, f"{place}/{index}")


def holds(schema: Any, value: Any) -> bool:
    """Whether a value is what a schema says (JSON Schema 2020-12)."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]}).is_valid(value)


def query_of(parameters: list[Any], value_of: Any) -> bytes:
    pairs = [(item["name"], value_of(item)) for item in parameters if item["in"] == "query"]
    return urlencode([(name, value) for name, value in pairs if value is not None], doseq=True).encode()


def taken(operation: Operation, query: bytes, body: bytes) -> bytes:
    """The request message that the gateway makes of an example. Raises InvalidInput."""
    in_path = [str(item["example"]) for item in described(operation)["parameters"] if item["in"] == "path"]
    return Transcoder(operation, Encoders()).request(in_path, query, body)


def example_body(operation: Operation) -> bytes:
    return msgspec.json.encode(body_of(described(operation)["requestBody"])["example"]) if operation.body else b""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_example_request_is_taken_by_the_gateways_own_decoder(operation: Operation) -> None:
    query = query_of(described(operation)["parameters"], lambda item: item.get("example"))
    message = taken(operation, query, example_body(operation))
    assert bool(message) == bool(operation.request.fields)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_parameter_shows_a_value_that_is_taken(operation: Operation) -> None:
    query = query_of(described(operation)["parameters"], lambda item: item["schema"]["examples"][0])
    assert isinstance(taken(operation, query, example_body(operation)), bytes)


def test_example_bodies_hold_their_schemas() -> None:
    bodies = {item.name: body_of(described(item)["requestBody"]) for item in OPERATIONS if item.body}
    assert bodies
    assert [name for name, body in bodies.items() if not holds(body["schema"], body["example"])] == []


def test_example_answers_hold_their_schemas() -> None:
    answers = {place: body_of(response) for place, _, response in responses()}
    assert [place for place, body in answers.items() if not holds(body["schema"], body["example"])] == []


def test_the_examples_of_a_schema_hold_it() -> None:
    examples = [(place, schema, example) for place, schema in schemas(DOCUMENT) for example in schema["examples"]]
    assert len(examples) > 100
    assert [place for place, schema, example in examples if not holds(schema, example)] == []


def test_the_schemas_are_json_schemas() -> None:
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    assert [name for name, schema in DOCUMENT["components"]["schemas"].items() if not meta.is_valid(schema)] == []


def test_every_field_that_rest_shows_has_an_example() -> None:
    """Fields that hold messages have those of the messages' fields."""
    bare = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, described in schema["properties"].items()
        if name != "Problem" and "$ref" not in str(described) and "examples" not in described
    ]
    assert bare == []


def test_an_example_problem_has_the_status_that_it_is_sent_with() -> None:
    problems = [item for item in responses() if "application/problem+json" in item[2]["content"]]
    assert problems
    assert [place for place, status, item in problems if body_of(item)["example"]["status"] != int(status)] == []


def test_the_document_is_the_same_in_every_process() -> None:
    """Protobuf's maps have an order of their own in each; replicas must agree on the document's ETag."""
    stats = body_of(DOCUMENT["paths"]["/api/socketio/stats"]["get"]["responses"]["200"])["example"]["total"]
    assert list(stats["states"]) == sorted(stats["states"])


def test_the_example_of_an_api_key_is_one() -> None:
    made = body_of(DOCUMENT["paths"]["/api/auth/api-keys"]["post"]["responses"]["200"])["example"]
    assert api_keys.parse(made["key"]).key_id == made["api_key"]["key_id"]
    assert made["key"].startswith(made["api_key"]["prefix"])
