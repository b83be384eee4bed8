"""Questions that were asked before, word for word, by the same client: most of what programs ask.

The policies find the same for the same words, so for these nothing is parsed, routed or chosen again. Looked at again
is what may have changed since: whether the caller still counts, whether the answer is still kept and fresh, and the
quota. Each policy leaves on the exchange how to do its part again; where one cannot, or says no, or the exchange is to
be traced, the question takes the long way through all of them.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.metrics import Observation

from services.gateway.http2.ready import Question, Ready
from services.gateway.http2.request import FIELD_OVERHEAD
from services.gateway.http2.response import checked
from services.gateway.pipeline.compression import choose, ready_form
from services.gateway.pipeline.exchange import Answer, Exchange, Header, Headers
from services.gateway.pipeline.sampling import Sampler
from services.gateway.pipeline.tracing import durations_of, new_ids
from services.kit import telemetry

MOST_QUESTIONS = 4096
MOST_BYTES = 4096  # of a question; longer ones are not remembered
# What says something else each time, or asks for something that is not kept.
UNREPEATABLE = frozenset({b"traceparent", b"x-request-id", b"if-none-match", b"content-length", b"transfer-encoding"})
CHANGING = frozenset({b"x-request-id", b"traceresponse", b"age", b"ratelimit", b"ratelimit-policy"})


class Known(NamedTuple):
    """What the policies have found for a question."""

    took: Callable[[float], None]  # counts how long an answer took, in seconds
    coding: str
    headers: Headers  # of the answer beside its own, as far as they never change
    recall: Callable[[], bool]
    kept: Callable[[], tuple[Answer, Header] | None]
    charge: Callable[[], Headers | None]


class Repeats:
    """Remembers questions, and answers them when they come again."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler  # what it takes goes the long way, on which there are spans
        self._known: dict[Question, Known] = {}
        self.answered = 0

    def __len__(self) -> int:
        return len(self._known)

    def publish(self) -> None:
        """Offer as a metric how many questions were answered so."""
        telemetry.meter("gateway.repeats").create_observable_counter(
            "gateway.repeats",
            [lambda _: [Observation(self.answered)]],
            description="Requests answered without the policies",
        )

    def answer(self, question: Question) -> Ready | None:
        """The answer, counted and timed; None, and nothing is counted: take the long way."""
        known = self._known.get(question)
        if known is None or self._sampler.claims():
            return None
        began = time.perf_counter()
        found = known.kept() if known.recall() else None
        form = ready_form(found[0], known.coding) if found is not None else None
        if found is None or form is None:
            return None
        quota = known.charge()  # last: from here on there is no other way
        if quota is None:
            return None
        headers = [*(form.fields or _prepare(form)), *known.headers, found[1], *quota, *new_ids()]
        self.answered += 1
        self._sampler.passed()
        known.took(time.perf_counter() - began)
        return Ready(form.status, headers, form.body)

    def remember(self, question: Question, exchange: Exchange, answer: Answer) -> None:
        """Keep what was found for a question, if all policies can do their part again."""
        if exchange.recall is None or exchange.kept is None or exchange.charge is None:
            return
        if exchange.method != "GET" or answer.status != 200 or not UNREPEATABLE.isdisjoint(exchange.headers):
            return
        if size_of(question) > MOST_BYTES:
            return
        known = self._known.get(question)
        if known is not None and known.recall():
            return  # it has come the long way for the answer's sake only
        if known is None and len(self._known) >= MOST_QUESTIONS:
            del self._known[next(iter(self._known))]
        assert exchange.route is not None
        self._known[question] = Known(
            durations_of((exchange.method, exchange.route.path, answer.status)).record,
            choose(exchange.text(b"accept-encoding")),
            checked(header for header in exchange.answer_headers if header[0] not in CHANGING),
            exchange.recall,
            exchange.kept,
            exchange.charge,
        )


def _prepare(form: Answer) -> Headers:
    """The answer's own headers as they are sent, from now on without another look."""
    fields = form.fields = checked([*form.headers, (b"content-length", b"%d" % len(form.body))])
    return fields


def size_of(question: Question) -> int:
    """Bytes of a question as it came: clients may pad a head with blanks, which nobody sees any more afterwards.

    Fields count as in RFC 9113 section 6.5.2: hundreds of a few letters each take more memory than one long one.
    """
    return sum(
        FIELD_OVERHEAD + sum(map(len, part)) if isinstance(part, tuple) else len(part or b"") for part in question
    )
