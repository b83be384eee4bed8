"""What the simulator is told by its environment."""

import pytest

from services.kit.settings import SettingsError, load
from simulator.settings import Settings
from simulator.wiring import source_of


def test_defaults_invent_a_market_on_loopback():
    settings = load(Settings, {}, "simulator")
    assert (settings.host, settings.port, settings.symbols, settings.rate) == ("127.0.0.1", 8090, 20, 1.0)
    assert source_of(settings).mode == "generator"


def test_all_wrong_settings_are_told_at_once():
    wrong = {"CV_SIMULATOR_PORT": "x", "CV_SIMULATOR_SYMBOLS": "201", "CV_SIMULATOR_RATE": "0"}
    with pytest.raises(SettingsError) as caught:
        load(Settings, wrong, "simulator")
    assert len(caught.value.problems) == 3
