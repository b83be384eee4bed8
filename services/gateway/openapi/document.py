"""The document at /openapi.json."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from cryptovault.gateway.v1 import problem_pb2
from cryptovault.gateway.v1.policy_pb2 import Policy as Declared
from google.protobuf import descriptor_pb2

from services.gateway.openapi.comments import read_comments
from services.gateway.openapi.examples import Examples
from services.gateway.openapi.own import HEADERS, OWN_PATHS, SECURITY_SCHEMES
from services.gateway.openapi.problems import ERRORS, PROBLEM
from services.gateway.openapi.requests import Requests
from services.gateway.openapi.schemas import Schemas, component_name
from services.gateway.transcoding.catalog import Operation
from services.gateway.transcoding.reflection import is_message, message_type

INFO = {
    "title": "CryptoVault",
    "version": "1",
    "summary": "One honest price per symbol, with its age and who vouches for it.",
    "description": "Decimals are strings, times RFC 3339 in UTC, errors RFC 9457 problems. Live events: Socket.IO at "
    "`/socket.io/`, or Server-Sent Events where a path ends in `/stream`.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

ACCESS = {Declared.PUBLIC: "public", Declared.USER: "user", Declared.ADMIN: "admin", Declared.SESSION: "session"}
TOKEN: dict[str, list[str]] = {"bearer": []}
KEY: dict[str, list[str]] = {"apiKey": []}


def openapi_document(operations: Sequence[Operation], descriptors: descriptor_pb2.FileDescriptorSet) -> bytes:
    """The description of all operations, as JSON. Raises CatalogError naming the field whose example is not one."""
    return msgspec.json.encode(_Builder(read_comments(descriptors)).build(operations))


class _Builder:
    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self._examples = Examples()
        self._schemas = Schemas(comments, self._examples)
        self._requests = Requests(comments, self._schemas, self._examples)

    def build(self, operations: Sequence[Operation]) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {path: dict(item) for path, item in OWN_PATHS.items()}
        for operation in operations:
            paths.setdefault(operation.template.shown, {})[operation.verb.lower()] = self._operation(operation)
        return {
            "openapi": "3.1.0",
            "info": INFO,
            "servers": [{"url": "/"}],
            "tags": self._tags(operations),
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": {"Problem": PROBLEM, **dict(sorted(self._schemas.components.items()))},
                "responses": ERRORS,
                "headers": HEADERS,
                "securitySchemes": SECURITY_SCHEMES,
            },
        }

    def _tags(self, operations: Sequence[Operation]) -> list[dict[str, str]]:
        services = {operation.area: operation.method.containing_service.full_name for operation in operations}
        tags = [{"name": area, "description": self._comments.get(name, "")} for area, name in services.items()]
        return [*tags, {"name": "gateway", "description": "The gateway itself."}]

    def _operation(self, operation: Operation) -> dict[str, Any]:
        comment = self._comments.get(operation.name, "")
        described: dict[str, Any] = {
            "operationId": component_name(operation.name).replace(".", "_"),
            "tags": [operation.area],
            "summary": comment.partition(". ")[0].rstrip("."),
            "description": comment,
            "parameters": self._requests.parameters(operation),
            "responses": self._responses(operation),
            "security": _security(operation.policy.access),
            "x-policy": _policy(operation),
        }
        if operation.body:
            described["requestBody"] = self._requests.body(operation)
        return described

    def _responses(self, operation: Operation) -> dict[str, Any]:
        media = "text/event-stream" if operation.streams else "application/json"
        success = {
            "description": self._comments.get(operation.method.output_type.full_name, "The answer."),
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name != "Retry-After"},
            "content": {media: {"schema": self._answer_schema(operation), "example": self._answer_example(operation)}},
        }
        return {"200": success, **{status: _error(name) for status, name in _errors(operation).items()}}

    def _answer_schema(self, operation: Operation) -> dict[str, Any]:
        field = operation.response_body
        if field is None:
            return self._schemas.message(operation.method.output_type)
        if is_message(field) and not field.is_repeated:
            return self._schemas.message(message_type(field))
        return self._schemas.field(field)

    def _answer_example(self, operation: Operation) -> Any:
        example = self._examples.answer(operation.method.output_type)
        return example if operation.response_body is None else example[operation.response_body.name]


def _security(access: Declared.Access.ValueType) -> list[dict[str, list[str]]]:
    """What may be shown instead of each other; on public routes it only says whose quota counts."""
    if access == Declared.PUBLIC:
        return [{}, TOKEN, KEY]
    return [TOKEN] if access == Declared.SESSION else [TOKEN, KEY]


def _errors(operation: Operation) -> dict[str, str]:
    errors = {
        "400": "InvalidInput",
        "404": "NotFound",
        "429": "TooManyRequests",
        "503": "Unavailable",
        "504": "TooLate",
    }
    if operation.policy.access != Declared.PUBLIC or operation.policy.fail_closed:
        errors["401"] = "Unauthenticated"
    if operation.policy.access in (Declared.ADMIN, Declared.SESSION):
        errors["403"] = "PermissionDenied"
    if operation.method.GetOptions().Extensions[problem_pb2.may_already_exist]:
        errors["409"] = "AlreadyExists"
    if operation.body:
        errors["413"] = "PayloadTooLarge"
    return dict(sorted(errors.items()))


def _error(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


def _policy(operation: Operation) -> dict[str, Any]:
    """What the gateway enforces, for people and tools that want to know. Times are seconds, sizes bytes."""
    policy = operation.policy
    return {
        "access": ACCESS[policy.access],
        "rate": {"count": policy.rate.count, "seconds": policy.rate.seconds},
        "cost": policy.cost,
        "cache_ttl": policy.cache_ttl,
        "timeout": policy.timeout,
        "max_body": policy.max_body,
        "rpc": operation.name,
    }
