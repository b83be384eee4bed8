"""The comments of the protos, by the full name of what they describe."""

from collections.abc import Iterator, Sequence

from google.protobuf import descriptor_pb2

# Field numbers in descriptor.proto, of which the paths in SourceCodeInfo are made.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM = 2, 3, 4
ENUM_VALUE, SERVICE_METHOD = 2, 2

Path = tuple[int, ...]


def read_comments(descriptors: descriptor_pb2.FileDescriptorSet) -> dict[str, str]:
    """Leading comments in one line each, by full name."""
    comments: dict[str, str] = {}
    for file in descriptors.file:
        texts = {tuple(item.path): _one_line(item.leading_comments) for item in file.source_code_info.location}
        comments |= {name: texts[path] for path, name in _names(file) if texts.get(path)}
    return comments


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _names(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    yield from _messages((FILE_MESSAGE,), file.message_type, file.package)
    yield from _enums((FILE_ENUM,), file.enum_type, file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (FILE_SERVICE, index), name
        for at, method in enumerate(service.method):
            yield (FILE_SERVICE, index, SERVICE_METHOD, at), f"{name}.{method.name}"


def _messages(
    prefix: Path, messages: Sequence[descriptor_pb2.DescriptorProto], scope: str
) -> Iterator[tuple[Path, str]]:
    for index, message in enumerate(messages):
        path, name = (*prefix, index), f"{scope}.{message.name}"
        yield path, name
        for at, field in enumerate(message.field):
            yield (*path, MESSAGE_FIELD, at), f"{name}.{field.name}"
        yield from _messages((*path, MESSAGE_NESTED), message.nested_type, name)
        yield from _enums((*path, MESSAGE_ENUM), message.enum_type, name)


def _enums(prefix: Path, enums: Sequence[descriptor_pb2.EnumDescriptorProto], scope: str) -> Iterator[tuple[Path, str]]:
    for index, enum in enumerate(enums):
        path, name = (*prefix, index), f"{scope}.{enum.name}"
        yield path, name
        for at, value in enumerate(enum.value):
            yield (*path, ENUM_VALUE, at), f"{name}.{value.name}"
