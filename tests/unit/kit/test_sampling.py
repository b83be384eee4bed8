"""Sampling that is decided before there is a span."""

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from services.kit.sampling import DecidedBefore
from services.kit.telemetry import RECORDED, root_share


def test_what_was_chosen_is_recorded_and_of_the_rest_the_configured_sampler_decides() -> None:
    tracer = TracerProvider(sampler=DecidedBefore(ALWAYS_OFF)).get_tracer("t")
    assert tracer.start_span("chosen", context=RECORDED).is_recording()
    assert not tracer.start_span("other", context=Context()).is_recording()


def test_where_nothing_records_no_trace_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    assert root_share() == 0.0


@pytest.mark.parametrize(
    ("sampler", "argument", "share"),
    [("always_off", "", 0.0), ("parentbased_always_on", "", 1.0), ("parentbased_traceidratio", "0.25", 0.25)],
)
def test_the_share_is_the_environments(
    monkeypatch: pytest.MonkeyPatch, sampler: str, argument: str, share: float
) -> None:
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", TracerProvider)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert root_share() == share
