"""The headers that tell browsers to be careful (DESIGN section 6; OWASP Secure Headers, REST Security)."""

from services.gateway.pipeline.exchange import Answer, Exchange, Handler

PAGE_POLICY = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"x-xss-protection", b"0"),  # its modern value: the filter of old browsers did harm
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
ON_TLS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

DATA = (*ALWAYS, (b"content-security-policy", DATA_POLICY))
PAGE = (*ALWAYS, (b"content-security-policy", PAGE_POLICY))


class SecurityHeaders:
    """Adds them to every answer. Pages get a policy they can work under; data gets one that allows nothing."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    async def __call__(self, exchange: Exchange) -> Answer:
        """The answer, with the headers noted on the exchange."""
        answer = await self._next(exchange)
        exchange.answer_headers += security_headers(answer, secure=exchange.secure)
        return answer


def security_headers(answer: Answer, *, secure: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The headers for one answer."""
    page = (answer.header(b"content-type") or b"").startswith(b"text/html")
    headers = PAGE if page else DATA
    return (*headers, ON_TLS) if secure else headers
