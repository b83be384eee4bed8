"""The promise: /openapi.json describes what is served, in valid OpenAPI 3.1, and every example call works."""

from typing import Any

import pytest

from tests.unit.gateway.harness import OPERATIONS, Harness


@pytest.fixture
async def document(harness: Harness) -> Any:
    return (await harness.client.get("/openapi.json")).json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(path, verb, item) for path, verbs in document["paths"].items() for verb, item in verbs.items()]


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def resolve(document: Any, reference: str) -> Any:
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


async def test_the_document_has_the_parts_that_openapi_requires(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(document["info"])
    for path, verb, item in operations(document):
        assert path.startswith("/")
        assert verb in {"get", "post", "put", "patch", "delete"}
        assert item["responses"]
        assert all("description" in response or "$ref" in response for response in item["responses"].values())


async def test_every_rest_operation_of_the_protos_is_described(document: Any) -> None:
    described = {(path, verb.upper()) for path, verb, _ in operations(document)}
    assert {(operation.template.shown, operation.verb) for operation in OPERATIONS} <= described


async def test_operation_ids_and_parameters_are_unique_and_path_parameters_are_declared(document: Any) -> None:
    ids = [item["operationId"] for _, _, item in operations(document)]
    assert len(ids) == len(set(ids))
    for path, _, item in operations(document):
        places = [(parameter["in"], parameter["name"]) for parameter in item["parameters"]]
        assert len(places) == len(set(places))
        declared = {name for place, name in places if place == "path"}
        assert declared == {part[1:-1] for part in path.split("/") if part.startswith("{")}


async def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in references(document):
        assert resolve(document, reference) is not None


async def test_comments_policies_and_errors_are_told(document: Any) -> None:
    prices = document["paths"]["/api/prices/{symbol}"]["get"]
    assert prices["summary"] == "Latest price of one symbol"
    assert prices["x-policy"]["rate"] == {"count": 60, "seconds": 60}
    assert {"200", "400", "404", "429", "503"} <= set(prices["responses"])
    price = document["components"]["schemas"]["prices.Price"]
    assert price["properties"]["change_24h"]["description"].startswith("Change over 24 hours in percent")
    assert price["properties"]["event_time"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert document["paths"]["/api/auth/me"]["get"]["security"] == [{"bearer": []}, {"apiKey": []}]


async def test_409_is_told_where_it_can_happen_and_413_where_there_is_a_body(document: Any) -> None:
    described = operations(document)
    conflicts, sizes = ([item for *_, item in described if status in item["responses"]] for status in ("409", "413"))
    assert conflicts == [document["paths"]["/api/auth/register"]["post"]]
    assert sizes == [item for *_, item in described if "requestBody" in item]


async def test_it_says_where_an_api_key_is_enough(document: Any) -> None:
    paths, schemes = document["paths"], document["components"]["securitySchemes"]
    assert (schemes["apiKey"]["in"], schemes["apiKey"]["name"]) == ("header", "X-API-Key")
    assert paths["/api/prices"]["get"]["security"] == [{}, {"bearer": []}, {"apiKey": []}]
    assert paths["/api/auth/api-keys"]["post"]["security"] == [{"bearer": []}]
    assert paths["/api/prices/{symbol}/stream"]["get"]["x-policy"]["cost"] == 10


async def test_an_answer_has_exactly_the_described_fields(harness: Harness, document: Any) -> None:
    answer = (await harness.client.get("/api/prices/BTC-USD")).json()
    assert set(answer) == set(document["components"]["schemas"]["prices.Price"]["properties"])


async def test_the_page_that_shows_it_uses_no_outside_host(harness: Harness) -> None:
    page = await harness.client.get("/docs")
    script = await harness.client.get("/docs/docs.js")
    style = await harness.client.get("/docs/docs.css")
    for answer, kind in ((page, "text/html"), (script, "text/javascript"), (style, "text/css")):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
    assert "<script>" not in page.text
    assert "style=" not in page.text
