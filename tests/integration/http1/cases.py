"""What HTTP/1.1 clients may send, and how it has to be answered: every row with its reason."""

from dataclasses import dataclass

GET = b"GET /ping HTTP/1.1\r\nhost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nhost: a\r\n"
TRAILERS = b"transfer-encoding: chunked\r\n\r\n0\r\n"  # begin here
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """One request, and the status of the only answer that it may get."""

    name: str
    sent: bytes
    status: int
    section: str = "9112"


def refused(name: str, sent: bytes, status: int = 400, section: str = "9112") -> Case:
    """A request that ends the connection; what comes behind it must never be answered."""
    return Case(name, sent + SMUGGLED, status, section)


LENGTHS = [
    refused(f"content-length {value!r}", POST + b"content-length: " + value.encode("latin-1") + b"\r\n\r\nhello")
    for value in ("+5", "-5", "0x5", "5,5", "5 5", "", "5_0", "five", "5.0", "²", "9" * 19)
]
CHUNKS = [
    refused(f"chunk size {line!r}", POST + b"transfer-encoding: chunked\r\n\r\n" + line + b"\r\nhello\r\n0\r\n\r\n")
    for line in (
        b"+5",
        b"-5",
        b"0x5",
        b"5_",
        b" 5",
        b"5 ",
        b"",
        b"five",
        b"123456789",
        b"5;a\x00b",
        b"5;",
        b"5;a[=b",
        b"5;a=",
        b'5;a="b',
        b"5\x0b",
        b"5;" + b"x" * 300,
    )
]
CODINGS = [
    refused(f"transfer-encoding {value!r}", POST + b"transfer-encoding: " + value + b"\r\n\r\n0\r\n\r\n", status)
    for value, status in (
        (b"chunked, identity", 400),  # nobody knows where the body ends: not 501 (section 6.3)
        (b"identity", 400),
        (b"gzip, chunked", 501),
        (b",chunked", 501),
        (b"xchunked", 400),
        (b"chunked;q=1", 400),
        (b"", 400),
        (b'"chunked"', 400),
    )
]
HEADS = [
    refused("a length and a coding", POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("a coding and a length", POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n"),
    refused("two lengths", POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
    refused("the same length twice", POST + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
    refused("two codings", POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("a coding in HTTP/1.0", b"POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("a bare line feed between fields", b"GET /ping HTTP/1.1\r\nhost: a\nx: y\r\n\r\n"),
    refused("bare line feeds only", b"GET /ping HTTP/1.1\nhost: a\n\n"),
    refused("a bare carriage return in a value", GET + b"x: a\rb\r\n\r\n"),
    refused("a bare carriage return as line break", b"GET /ping HTTP/1.1\rhost: a\r\r"),
    refused("a folded line", GET + b"x: a\r\n b\r\n\r\n"),
    refused("a folded first line", b"GET /ping HTTP/1.1\r\n host: a\r\nhost: a\r\n\r\n"),
    refused("a space before the colon", GET + b"x : a\r\n\r\n"),
    refused("a coding behind a space and a colon", POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n"),
    refused("a tab before the colon", GET + b"x\t: a\r\n\r\n"),
    refused("a line without a colon", GET + b"xyz\r\n\r\n"),
    refused("an empty name", GET + b": a\r\n\r\n"),
    refused("a null byte in a value", GET + b"x: a\x00b\r\n\r\n"),
    refused("a control byte in a value", GET + b"x: a\x08b\r\n\r\n"),
    refused("a null byte in a name", GET + b"x\x00: a\r\n\r\n"),
    refused("a byte beyond ASCII in a name", GET + b"x\xe9: a\r\n\r\n"),
    refused("a name with an underscore", GET + b"content_length: 5\r\n\r\n"),
    refused("a name in quotes", GET + b'"x": a\r\n\r\n'),
    refused("no host", b"GET /ping HTTP/1.1\r\nx: y\r\n\r\n"),
    refused("an empty host", b"GET /ping HTTP/1.1\r\nhost:\r\n\r\n", 400, "9110"),
    refused("a host that is a port only", b"GET /ping HTTP/1.1\r\nhost: :80\r\n\r\n", 400, "9110"),
    refused("a target with an empty host", b"GET http:///ping HTTP/1.0\r\n\r\n", 400, "9110"),
    refused("two hosts", GET + b"host: b\r\n\r\n"),
    refused("a host with a path", b"GET /ping HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    refused("a host with a space", b"GET /ping HTTP/1.1\r\nhost: a b\r\n\r\n"),
    refused("a host with a user", b"GET /ping HTTP/1.1\r\nhost: u@a\r\n\r\n"),
    refused("another host in the target", b"GET http://b/ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a target that is no path", b"GET ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a target with a fragment", b"GET /ping#x HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a target beyond ASCII", b"GET /p\xefng HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("an asterisk for GET", b"GET * HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("two spaces in the request line", b"GET  /ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a space at the end of the request line", b"GET /ping HTTP/1.1 \r\nhost: a\r\n\r\n"),
    refused("a space before the method", b" GET /ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a tab in the request line", b"GET\t/ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a method in lower case", b"get /ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a method that is no token", b"G@T /ping HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("HTTP/0.9", b"GET /ping\r\n\r\n"),
    refused("another protocol", b"GET /ping HTCPCP/1.1\r\nhost: a\r\n\r\n"),
    refused("a version in lower case", b"GET /ping http/1.1\r\nhost: a\r\n\r\n"),
    refused("a version of two digits", b"GET /ping HTTP/1.10\r\nhost: a\r\n\r\n"),
    refused(
        "a WebSocket asked for in one of two connection lines",
        GET + b"upgrade: websocket\r\nconnection: upgrade\r\nconnection: keep-alive\r\n\r\n",
    ),
    refused("HTTP/1.2", b"GET /ping HTTP/1.2\r\nhost: a\r\n\r\n", 505),
    refused("HTTP/3.0", b"GET /ping HTTP/3.0\r\nhost: a\r\n\r\n", 505),
    refused("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", 501, "9110"),
    refused("a target of 20,000 bytes", b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "9110"),
    refused("a target of 70,000 bytes", b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "9110"),
    refused("a header of 70,000 bytes", GET + b"x: " + b"y" * 70_000 + b"\r\n\r\n", 431, "6585"),
    refused("200 header fields", GET + b"x: y\r\n" * 200 + b"\r\n", 431, "6585"),
    refused("a chunk longer than it says", POST + b"transfer-encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n"),
    refused("a chunk that ends in a line feed", POST + b"transfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n"),
    refused("a trailer that is no field", POST + b"transfer-encoding: chunked\r\n\r\n0\r\nx y\r\n\r\n"),
    Case("a line feed for the end of the trailers, and nothing more", POST + TRAILERS + b"\n", 400),
    Case("a carriage return for the end of the trailers, and nothing more", POST + TRAILERS + b"x: y\r\r", 400),
    refused("trailers without end", POST + b"transfer-encoding: chunked\r\n\r\n0\r\nx: " + b"y" * 9000, 431, "6585"),
]
SERVED = [
    Case("a request", GET + b"\r\n", 200),
    Case("spaces around a value", GET + b"x:  \t y \t\r\n\r\n", 200),
    Case("an empty value", GET + b"x:\r\n\r\n", 200),
    Case("a value beyond ASCII", GET + b"x: \xe9\r\n\r\n", 200),
    Case("a name in upper case", b"GET /ping HTTP/1.1\r\nHOST: a\r\n\r\n", 200),
    Case("an empty line before the request", b"\r\n" + GET + b"\r\n", 200),
    Case("an absolute target", b"GET http://a/ping HTTP/1.1\r\nhost: a\r\n\r\n", 200),
    Case("a host with a port", b"GET /ping HTTP/1.1\r\nhost: [::1]:8000\r\n\r\n", 200),
    Case("HTTP/1.0 without a host", b"GET /ping HTTP/1.0\r\n\r\n", 200),
    Case("an asterisk for OPTIONS", b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", 200),
    Case("an upgrade to h2c, which is ignored", GET + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n", 200),
    Case("a body of a known length", POST + b"content-length: 5\r\n\r\nhello", 200),
    Case("a length with leading zeros", POST + b"content-length: 005\r\n\r\nhello", 200),
    Case("a body in chunks", POST + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200),
    Case("a coding in upper case", POST + b"transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
    Case("chunks with an extension", POST + b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", 200),
    Case(
        "chunks with all that an extension may be",
        POST + b'transfer-encoding: chunked\r\n\r\n5 ; a_b ;c = "d;\\"\t\xe9";e=f\r\nhello\r\n0;g\r\n\r\n',
        200,
    ),
    Case("chunks with trailers", POST + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n", 200),
    Case("a length of 0 for a read", GET + b"content-length: 0\r\n\r\n", 200),
]
REFUSED = [*LENGTHS, *CHUNKS, *CODINGS, *HEADS]
