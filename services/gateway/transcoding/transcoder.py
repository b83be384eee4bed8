"""One operation's translation: an HTTP request to a protobuf request, a protobuf answer to a JSON body."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptovault.gateway.v1.policy_pb2 import Policy as Declared
from google.protobuf import message_factory
from google.protobuf.message import Message

from services.gateway.transcoding.binding import bind_path, bind_query, parse_query
from services.gateway.transcoding.catalog import Operation
from services.gateway.transcoding.decoding import Problems, fill_field, fill_message, parse_json
from services.gateway.transcoding.encoding import Encoders
from services.gateway.transcoding.reflection import descriptor_of
from services.kit.errors import InvalidInput

_json = msgspec.json.Encoder()


class Transcoder:
    """Translates for one operation; everything that the descriptors say is looked up once, here."""

    def __init__(self, operation: Operation, encoders: Encoders) -> None:
        self._operation = operation
        self._request_class = message_factory.GetMessageClass(operation.request)
        self._path_fields = operation.template.fields
        self._taken = frozenset(operation.template.fields)
        self._to_plain = _encoder(operation, encoders)  # from a serialised answer

    def request(self, path_values: Sequence[str], query: bytes, body: bytes) -> bytes:
        """The serialised request message. Raises InvalidInput naming every field that is wrong."""
        message = self._request_class()
        problems = Problems()
        bind_path(message, self._path_fields, path_values, problems)
        self._bind_query(message, query, problems)
        self._bind_body(message, body, problems)
        if problems.found:
            first = problems.found[0]
            raise InvalidInput(f"{first.field} {first.message}", fields=tuple(problems.found))
        return message.SerializeToString()

    def answer(self, data: bytes) -> bytes:
        """The JSON body for a serialised answer message."""
        return _json.encode(self._to_plain(data))

    def _bind_query(self, message: Message, query: bytes, problems: Problems) -> None:
        if not query:
            return
        parameters = parse_query(query, problems)
        if self._operation.body == "*":
            for name, _ in parameters:
                problems.add(name, "is not known in the query: it belongs into the body")
            return
        taken = self._taken | {self._operation.body} if self._operation.body else self._taken
        bind_query(message, parameters, taken, problems)

    def _bind_body(self, message: Message, body: bytes, problems: Problems) -> None:
        place = self._operation.body
        if not place:
            return  # a body where none is expected has no meaning (RFC 9110 section 9.3.1)
        try:
            value = parse_json(body)
        except ValueError as error:
            problems.add("", str(error))
            return
        if place == "*":
            fill_message(value, message, "", problems, self._taken)
        else:
            field = descriptor_of(message).fields_by_name[place]
            fill_field(field, value, message, place, problems, self._taken)


def _encoder(operation: Operation, encoders: Encoders) -> Callable[[Any], Any]:
    kind, field = operation.method.output_type, operation.response_body
    # What one user alone is told nobody else asks for, and it is not to stay here.
    if field is None and operation.policy.access == Declared.PUBLIC:
        return encoders.answer_encoder(kind)
    parse = message_factory.GetMessageClass(kind).FromString
    encode = encoders.encoder(kind) if field is None else encoders.reader(field)
    return lambda data: encode(parse(data))
