"""Live (un)subscribing on a Binance socket: requests, acknowledgements and errors."""

from typing import Any, Literal

import msgspec

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"]
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MAXIMUM_STREAMS = 1024  # on one connection


class Request(msgspec.Struct, frozen=True):
    """A request; `id` comes back in the answer."""

    method: Method
    params: list[Any] = []
    id: int | str | None = None


class BadRequest(Exception):
    """A request that Binance answers with an error object."""

    def __init__(self, code: int, message: str, request_id: int | str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id

    def payload(self) -> bytes:
        """The error object on the wire."""
        return msgspec.json.encode({"error": {"code": self.code, "msg": str(self)}, "id": self.request_id})


def parse(text: str) -> Request:
    """Read a request. Raises BadRequest with Binance's codes: 3 for bad JSON, 2 for a bad request."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise BadRequest(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(body, dict) or "method" not in body:
        raise BadRequest(2, "Invalid request: missing field `method`")
    request_id = _id_of(body)
    if body["method"] not in METHODS:
        expected = ", ".join(f"`{method}`" for method in METHODS)
        raise BadRequest(
            2, f"Invalid request: unknown variant {body['method']}, expected one of {expected}", request_id
        )
    try:
        return msgspec.convert(body, Request)
    except msgspec.ValidationError as error:
        raise BadRequest(2, f"Invalid request: {error}", request_id) from None


def _id_of(body: dict[str, Any]) -> int | str | None:
    request_id = body.get("id")
    if request_id is None or (isinstance(request_id, int | str) and not isinstance(request_id, bool)):
        return request_id
    raise BadRequest(2, "Invalid request: request ID must be an unsigned integer")


def streams(request: Request) -> list[str]:
    """The stream names in a request. Raises BadRequest when they are none or not text."""
    if not request.params or not all(isinstance(name, str) for name in request.params):
        raise BadRequest(2, "Invalid request: params must be a list of stream names", request.id)
    return request.params


def acknowledgement(request: Request, result: Any = None) -> bytes:
    """The answer to a request that was carried out."""
    return msgspec.json.encode({"result": result, "id": request.id})
