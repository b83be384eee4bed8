class ConnectionRefusedError(Exception):
    error_args: object

    def __init__(self, *args: object) -> None: ...
