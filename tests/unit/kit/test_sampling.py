"""Sampling: what the environment says, and what is decided before there is a span."""

import logging

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from services.kit.sampling import DecidedBefore, configured
from services.kit.telemetry import RECORDED, decided, extract, root_share

SAMPLED = extract({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})


def test_what_was_chosen_is_recorded_and_of_the_rest_the_configured_sampler_decides() -> None:
    tracer = TracerProvider(sampler=DecidedBefore(ALWAYS_OFF, 0.0)).get_tracer("t")
    assert tracer.start_span("chosen", context=RECORDED).is_recording()
    assert not tracer.start_span("other", context=Context()).is_recording()


def test_where_nothing_records_no_trace_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    assert root_share() == 0.0


@pytest.mark.parametrize(
    ("sampler", "argument", "share"),
    [
        ("", "", 0.01),
        ("", "0.5", 0.5),
        ("always_off", "", 0.0),
        ("parentbased_always_on", "0.25", 1.0),
        ("parentbased_traceidratio", "0.25", 0.25),
        ("TraceIdRatio", "", 1.0),
    ],
)
def test_the_share_is_the_environments_and_else_a_hundredth(
    monkeypatch: pytest.MonkeyPatch, sampler: str, argument: str, share: float
) -> None:
    named = configured({"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: TracerProvider(sampler=named))
    assert (root_share(), configured({}).share) == (share, 0.01)


@pytest.mark.parametrize(
    ("sampler", "argument", "named", "share"),
    [
        ("", "0,1", "OTEL_TRACES_SAMPLER_ARG", 0.01),
        ("traceidratio", "many", "OTEL_TRACES_SAMPLER_ARG", 1.0),
        ("traceidratio", "1.5", "OTEL_TRACES_SAMPLER_ARG", 1.0),
        ("traceidratio", "nan", "OTEL_TRACES_SAMPLER_ARG", 1.0),
        ("sometimes", "", "OTEL_TRACES_SAMPLER", 0.01),
    ],
)
def test_what_is_malformed_is_warned_of_and_counts_as_not_set(
    caplog: pytest.LogCaptureFixture, sampler: str, argument: str, named: str, share: float
) -> None:
    with caplog.at_level(logging.WARNING):
        found = configured({"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert [record.getMessage().split()[0] for record in caplog.records] == [named]
    assert found.share == share


@pytest.mark.parametrize(("sampler", "recorded"), [("", True), ("always_off", False)])
def test_a_trace_that_is_recorded_elsewhere_is_recorded_here_where_the_sampler_heeds_it(
    sampler: str, recorded: bool
) -> None:
    tracer = TracerProvider(sampler=configured({"OTEL_TRACES_SAMPLER": sampler})).get_tracer("t")
    assert tracer.start_span("going on", context=SAMPLED).is_recording() is recorded


@pytest.mark.parametrize("sampler", ["", "always_on", "always_off"])
@pytest.mark.parametrize("recorded", [True, False])
def test_what_was_decided_of_a_trace_counts_for_its_next_span_and_is_passed_on(sampler: str, recorded: bool) -> None:
    tracer = TracerProvider(sampler=configured({"OTEL_TRACES_SAMPLER": sampler})).get_tracer("t")
    span = tracer.start_span("next", context=decided(SAMPLED, recorded=recorded))
    assert span.is_recording() is span.get_span_context().trace_flags.sampled is recorded
    assert f"{span.get_span_context().trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
