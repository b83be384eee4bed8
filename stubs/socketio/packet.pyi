CONNECT: int
EVENT: int
CONNECT_ERROR: int

class Packet:
    attachment_count: int

    def __init__(
        self, packet_type: int = ..., data: object = ..., namespace: str | None = ..., id: int | None = ...
    ) -> None: ...
    def encode(self) -> str | list[str | bytes]: ...
