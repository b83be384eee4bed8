import pytest

from services.kit.settings import SettingsError, load
from services.prices.settings import Settings


def test_without_any_setting_three_live_venues_are_ingested():
    settings = load(Settings, {}, "prices")
    assert (settings.venues, settings.simulated) == (("binance", "coinbase", "kraken"), False)
    assert settings.binance_url.startswith("wss://")


def test_an_unknown_venue_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"CV_PRICES_VENUES.*mtgox"):
        load(Settings, {"CV_PRICES_VENUES": "binance,mtgox"}, "prices")
