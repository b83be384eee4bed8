class Payload:
    max_decode_packets: int

    def __init__(self, *, encoded_payload: str) -> None: ...
