"""Which traces are recorded: what the environment says of new ones, unless that was decided before there was a span."""

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context, get_value
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from services.kit.telemetry import DECIDED

logger = logging.getLogger(__name__)

NAME, ARGUMENT = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
HEEDING = "parentbased_"  # a trace that has begun elsewhere is recorded if it is recorded there
RATIO = "traceidratio"
SHARES = {"always_on": 1.0, "always_off": 0.0, RATIO: 1.0}  # of new traces, where no argument says another
DEFAULT_SHARE = 0.01  # where no sampler is named: recording all, as OpenTelemetry would, costs more than the answers


class DecidedBefore(Sampler):
    """Heeds what a context says (`telemetry.DECIDED`); of all else the configured sampler decides.

    share: of new traces, which the configured sampler records.
    """

    def __init__(self, configured: Sampler, share: float) -> None:
        self._configured = configured
        self.share = share

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether a span is recorded."""
        decided = get_value(DECIDED, parent_context)
        sampler = self._configured if decided is None else ALWAYS_ON if decided else ALWAYS_OFF
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """What is configured."""
        return self._configured.get_description()


def configured(environ: Mapping[str, str]) -> DecidedBefore:
    """The sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name, as the OpenTelemetry specification says.

    Where none is named it is parentbased_traceidratio with 0.01. What is malformed is warned of and counts as not set.
    """
    name, share = _named(environ.get(NAME, "").lower())
    if name.endswith(RATIO):
        share = _share(environ.get(ARGUMENT, ""), share)
    root = TraceIdRatioBased(share)
    return DecidedBefore(ParentBased(root) if name.startswith(HEEDING) else root, share)


def _named(name: str) -> tuple[str, float]:
    """A sampler's name, with its share unless an argument says another."""
    share = SHARES.get(name.removeprefix(HEEDING))
    if share is not None:
        return name, share
    if name:
        known = ", ".join((*SHARES, *(HEEDING + kind for kind in SHARES)))
        logger.warning("%s must be one of %s, not %r: counted as not set", NAME, known, name)
    return HEEDING + RATIO, DEFAULT_SHARE


def _share(text: str, default: float) -> float:
    try:
        share = float(text or default)
    except ValueError:
        share = -1.0
    if 0 <= share <= 1:
        return share
    logger.warning("%s must be a number from 0 to 1, not %r: it is %s", ARGUMENT, text, default)
    return default
