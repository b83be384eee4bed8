CLOSE: int
MESSAGE: int

class Packet:
    data: object

    def __init__(self, packet_type: int = ..., data: object = ...) -> None: ...
    def encode(self, b64: bool = ...) -> str | bytes: ...
