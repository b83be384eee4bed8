"""Errors: one tree, two wire forms, nothing internal told to clients."""

import grpc
import msgspec
import pytest

from services.kit.errors import (
    DETAILS_KEY,
    AlreadyExists,
    CryptoVaultError,
    DeadlineExceeded,
    FieldError,
    Internal,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    from_grpc,
    problem,
)

KINDS = [AlreadyExists, InvalidInput, NotFound, PayloadTooLarge, PermissionDenied, TooManyRequests, Unauthenticated]


def over_the_wire(error: CryptoVaultError) -> CryptoVaultError:
    trailers = grpc.aio.Metadata((DETAILS_KEY, error.to_grpc()))
    return from_grpc(grpc.aio.AioRpcError(error.grpc_code, grpc.aio.Metadata(), trailers, error.detail))


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_wire_whole(kind):
    arrived = over_the_wire(kind("why", fields=(FieldError("symbol", "unknown"),), reason="short", retry_after=1.5))
    assert type(arrived) is kind
    assert (arrived.detail, arrived.reason, arrived.retry_after) == ("why", "short", 1.5)
    assert arrived.fields == (FieldError("symbol", "unknown"),)


@pytest.mark.parametrize("kind", [Unavailable, DeadlineExceeded])
def test_the_transports_own_words_are_not_passed_on(kind):
    error = grpc.aio.AioRpcError(
        kind.grpc_code, grpc.aio.Metadata(), grpc.aio.Metadata(), "ipv4:10.0.0.1:50051 refused"
    )
    assert from_grpc(error).detail == kind.title


def test_an_unknown_failure_tells_clients_nothing():
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNKNOWN, grpc.aio.Metadata(), grpc.aio.Metadata(), "KeyError: 'x'")
    assert type(from_grpc(error)) is Internal
    assert "KeyError" not in from_grpc(error).detail


def test_what_grpc_itself_finds_too_large_is_no_quota_of_the_client():
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.aio.Metadata(), grpc.aio.Metadata(), "received message larger than max"
    )
    assert type(from_grpc(error)) is Internal


def test_damaged_details_are_ignored():
    trailers = grpc.aio.Metadata((DETAILS_KEY, b"\xff\xff"))
    error = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailers, "no such symbol")
    assert (type(from_grpc(error)), from_grpc(error).fields) == (NotFound, ())


def test_a_problem_names_the_fields_and_the_trace():
    body = msgspec.json.decode(
        problem(
            InvalidInput("bad", fields=(FieldError("limit", "must be at most 1000"),)), instance="/x", trace_id="ab"
        )
    )
    assert body["errors"] == [{"field": "limit", "message": "must be at most 1000"}]
    assert (body["status"], body["instance"], body["trace_id"]) == (400, "/x", "ab")


def test_a_used_up_quota_has_the_registered_problem_type():
    assert b"http-problem-types#quota-exceeded" in problem(TooManyRequests(retry_after=3))
