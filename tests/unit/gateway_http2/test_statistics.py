"""What the engines do and have done is shown as metrics."""

from typing import Any

import pytest

from services.gateway.http2 import statistics
from services.gateway.http2.statistics import Event, Statistics


class FakeMeter:
    """Reads every figure at once."""

    def __init__(self) -> None:
        self.figures: dict[str, list[tuple[Any, Any]]] = {}

    def create_observable_counter(self, name: str, callbacks: list[Any], description: str = "") -> None:
        self.figures[name] = [(item.value, item.attributes) for read in callbacks for item in read(None)]

    create_observable_gauge = create_observable_counter


def test_counts_are_shown_by_event_and_what_is_open_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = FakeMeter()
    monkeypatch.setattr(statistics.telemetry, "meter", lambda name: meter)
    statistics.export(lambda: Statistics(3, 7, {Event.REQUESTS: 20}))
    assert meter.figures == {
        "gateway.http2.events": [(20, {"event": "requests"})],
        "gateway.http2.open_connections": [(3, None)],
        "gateway.http2.open_streams": [(7, None)],
    }
