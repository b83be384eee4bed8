"""Errors that only HTTP knows, beside the kit's tree."""

import grpc

from services.kit.errors import CryptoVaultError


class MethodNotAllowed(CryptoVaultError):
    """The path exists, the verb does not."""

    status, grpc_code, title, slug = 405, grpc.StatusCode.UNIMPLEMENTED, "Method not allowed", "method-not-allowed"


class RequestTimeout(CryptoVaultError):
    """The client did not send its request in time."""

    status, grpc_code, title, slug = 408, grpc.StatusCode.DEADLINE_EXCEEDED, "Request timeout", "request-timeout"


class ClientGone(Exception):
    """The client has left; nobody is there to answer."""
