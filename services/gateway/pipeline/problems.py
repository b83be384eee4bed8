"""Errors become application/problem+json (RFC 9457); what is not expected becomes a bare 500, and a line in the log."""

import logging
import math

import msgspec

from services.gateway.errors import ClientGone
from services.gateway.pipeline.exchange import PROBLEM, Answer, Exchange, Handler
from services.gateway.pipeline.rate_limit import fields
from services.gateway.pipeline.tracing import inside_trace
from services.gateway.resilience.criticality import Overloaded
from services.gateway.wrong_credentials import MOST, TooManyWrong
from services.kit import telemetry
from services.kit.errors import CryptoVaultError, Internal, forget_way, problem

logger = logging.getLogger(__name__)

REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
CHALLENGE = b'Bearer realm="cryptovault"'


class Problems:
    """Turns whatever is raised inside into an answer."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    async def __call__(self, exchange: Exchange) -> Answer:
        """Pass the exchange on; answer with a problem if it fails."""
        try:
            return await self._next(exchange)
        except CryptoVaultError as error:
            forget_way(error)
            return problem_answer(error, exchange)
        except ClientGone:
            raise
        except Exception as error:
            with inside_trace(exchange):
                logger.exception("%s %s failed", exchange.method, exchange.path)
                telemetry.capture(error)
            forget_way(error)
            return problem_answer(Internal(), exchange)


def problem_answer(error: CryptoVaultError, exchange: Exchange) -> Answer:
    """The answer for an error."""
    headers = [(b"content-type", PROBLEM), (b"cache-control", b"no-store")]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    if isinstance(error, TooManyWrong):
        headers += fields("ip", MOST, error.decision)
    if error.status == 401 and all(name != b"www-authenticate" for name, _ in exchange.answer_headers):
        headers.append((b"www-authenticate", CHALLENGE))
    body = problem(error, instance=exchange.path, trace_id=exchange.trace_id)
    if isinstance(error, Overloaded):
        body = msgspec.json.encode({**msgspec.json.decode(body), "type": REDUCED_CAPACITY})
    return Answer(error.status, headers, body)
