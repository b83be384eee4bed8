"""The operations that the protos declare: one per RPC that carries google.api.http and the gateway's policy option.

Everything the gateway knows of a route comes from here; there is no handler per route.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptovault.gateway.v1 import policy_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from services.gateway.transcoding.reflection import find_field
from services.gateway.transcoding.templates import Template, parse

DEFAULT_RATE = "60/minute"
DEFAULT_TIMEOUT = 5.0  # seconds
DEFAULT_MAX_BODY = 64 * 1024  # bytes
PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}  # seconds
_RATE = re.compile(r"(?P<count>[1-9][0-9]{0,8})/(?P<period>second|minute|hour|day)")


class CatalogError(Exception):
    """A proto declares something that the gateway cannot serve."""


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds."""

    count: int
    seconds: int


@dataclass(frozen=True)
class Policy:
    """What the gateway enforces for one operation, with the defaults filled in. Times are seconds, sizes bytes."""

    access: policy_pb2.Policy.Access.ValueType
    rate: Rate
    cache_ttl: float
    timeout: float
    max_body: int
    fail_closed: bool
    cost: int = 1  # units of an API key's budget


@dataclass(frozen=True)
class Operation:
    """One RPC as REST: where it is found, what it takes and gives, and what is enforced."""

    method: MethodDescriptor
    verb: str
    template: Template
    policy: Policy
    body: str  # "" none, "*" the whole request, else the field that the body holds
    response_body: FieldDescriptor | None

    @property
    def name(self) -> str:
        """The RPC's full name: cryptovault.prices.v1.PricesService.GetPrice."""
        return self.method.full_name

    @property
    def area(self) -> str:
        """The part of the system that serves it: the package between `cryptovault.` and the version."""
        return self.method.containing_service.file.package.split(".")[1]

    @property
    def rpc_path(self) -> str:
        """The RPC as gRPC addresses it."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def request(self) -> Descriptor:
        """The request message."""
        return self.method.input_type

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of Server-Sent Events."""
        return self.method.server_streaming


def default_descriptors() -> Path:
    """The descriptor set among the generated stubs, where a wheel has it too."""
    return Path(policy_pb2.__file__).parents[2] / "descriptors.binpb"


def read_descriptors(path: Path) -> descriptor_pb2.FileDescriptorSet:
    """Read a descriptor set. Raises CatalogError when it is missing or broken."""
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogError(f"the descriptor set {path} cannot be read: {error}") from error


def load(descriptors: descriptor_pb2.FileDescriptorSet) -> tuple[Operation, ...]:
    """The operations of a descriptor set. Raises CatalogError naming the RPC that is declared wrongly."""
    pool = DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)
    return tuple(
        operation
        for file in descriptors.file
        for method in _methods(pool.FindFileByName(file.name))
        for operation in _operations(method)
    )


def _methods(file: FileDescriptor) -> Iterator[MethodDescriptor]:
    for service in file.services_by_name.values():
        yield from service.methods


def _operations(method: MethodDescriptor) -> Iterator[Operation]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return
    rule = options.Extensions[annotations_pb2.http]
    try:
        policy = read_policy(options.Extensions[policy_pb2.policy])
        for binding in (rule, *rule.additional_bindings):
            yield _operation(method, binding, policy)
    except ValueError as error:
        raise CatalogError(f"{method.full_name}: {error}") from error


def _operation(method: MethodDescriptor, rule: http_pb2.HttpRule, policy: Policy) -> Operation:
    pattern = rule.WhichOneof("pattern")
    if pattern is None or pattern == "custom":
        raise ValueError("the http option names no verb that is served")
    template = parse(getattr(rule, pattern))
    for path in template.fields:
        find_field(method.input_type, path)
    if rule.body not in ("", "*"):
        find_field(method.input_type, rule.body)
    if method.client_streaming:
        raise ValueError("client streaming has no REST form")
    response_body = find_field(method.output_type, rule.response_body) if rule.response_body else None
    operation = Operation(method, pattern.upper(), template, policy, rule.body, response_body)
    if policy.cache_ttl:
        _require_kept(operation)
    return operation


def _require_kept(operation: Operation) -> None:
    """Raise ValueError where no answer is kept, whatever its cache_ttl says."""
    if operation.streams:
        raise ValueError("a stream cannot be kept: it has no cache_ttl")
    if operation.verb != "GET":
        raise ValueError(f"cache_ttl has no effect, for {operation.verb} {operation.template.shown} is no GET")
    if operation.policy.access != policy_pb2.Policy.PUBLIC:
        raise ValueError(f"cache_ttl has no effect, for {operation.verb} {operation.template.shown} is not public")


def read_policy(declared: policy_pb2.Policy) -> Policy:
    """The policy with its defaults. Raises ValueError when access is not said or the rate is malformed."""
    if declared.access == policy_pb2.Policy.ACCESS_UNSPECIFIED:
        raise ValueError("the policy does not say who may call")
    return Policy(
        access=declared.access,
        rate=parse_rate(declared.rate or DEFAULT_RATE),
        cache_ttl=declared.cache_ttl.ToTimedelta().total_seconds(),
        timeout=declared.timeout.ToTimedelta().total_seconds() or DEFAULT_TIMEOUT,
        max_body=declared.max_body_bytes or DEFAULT_MAX_BODY,
        fail_closed=declared.fail_closed,
        cost=declared.cost or 1,
    )


def parse_rate(text: str) -> Rate:
    """Parse "<count>/<second|minute|hour|day>". Raises ValueError."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"the rate {text!r} is not <count>/<second|minute|hour|day>")
    return Rate(int(match["count"]), PERIODS[match["period"]])
