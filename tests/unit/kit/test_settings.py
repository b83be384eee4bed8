"""Settings: all mistakes at once, hints for typos, secrets from files and never shown."""

from dataclasses import dataclass

import pytest

from services.kit.settings import (
    CommonSettings,
    DatabaseSettings,
    SettingsError,
    describe,
    load,
    markdown,
    redact_url,
    setting,
)


@dataclass(frozen=True, kw_only=True)
class Settings(DatabaseSettings, CommonSettings):
    port: int = setting("CV_PRICES_PORT", "gRPC port", minimum=1, maximum=65535)
    venues: tuple[str, ...] = setting("CV_PRICES_VENUES", "venues", default=("kraken",), choices=("kraken", "binance"))
    simulated: bool = setting("CV_PRICES_SIMULATED", "invented", default=False)
    key: str | None = setting("CV_PRICES_KEY", "a key", default=None, secret=True)
    pause: float = setting("CV_PRICES_PAUSE_SECONDS", "a pause", default=0.5)


def problems(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings, environ, "prices")
    return "\n".join(caught.value.problems)


def test_values_are_read_by_their_types():
    loaded = load(
        Settings,
        {"CV_PRICES_PORT": "7", "CV_PRICES_VENUES": "binance, kraken", "CV_PRICES_SIMULATED": "Yes"},
        "prices",
    )
    assert (loaded.port, loaded.venues, loaded.simulated, loaded.pause) == (7, ("binance", "kraken"), True, 0.5)


def test_all_mistakes_are_reported_together():
    found = problems(CV_PRICES_SIMULATED="maybe", CV_PRICES_VENUES="mtgox", CV_PRICES_PAUSE_SECONDS="nan")
    assert "CV_PRICES_PORT is required" in found
    assert "CV_PRICES_SIMULATED must be true or false, not 'maybe'" in found
    assert "CV_PRICES_VENUES must be one of kraken, binance, not 'mtgox'" in found
    assert "CV_PRICES_PAUSE_SECONDS must be a number, not 'nan'" in found


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_number_outside_its_range_is_refused(port):
    assert "CV_PRICES_PORT must be at" in problems(CV_PRICES_PORT=port)


@pytest.mark.parametrize(("typo", "meant"), [("CV_REDIS_ULR", "CV_REDIS_URL"), ("CV_PRICES_PROT", "CV_PRICES_PORT")])
def test_a_typo_gets_the_nearest_known_name(typo, meant):
    assert f"{typo} is set but unknown; did you mean {meant}?" in problems(**{typo: "x"})


def test_the_variables_of_other_services_are_their_own_business():
    loaded = load(Settings, {"CV_PRICES_PORT": "1", "CV_GATEWAY_PORT": "x", "CV_ADMIN_EMAIL": "a@b"}, "prices")
    assert loaded.port == 1


def test_a_secret_comes_from_a_file_and_is_never_shown(tmp_path):
    (tmp_path / "key").write_text("hunter2\n")
    loaded = load(Settings, {"CV_PRICES_PORT": "1", "CV_PRICES_KEY_FILE": str(tmp_path / "key")}, "prices")
    assert loaded.key == "hunter2"
    assert "hunter2" not in repr(loaded)
    assert describe(loaded)["CV_PRICES_KEY"] == "********"


def test_a_secret_file_that_is_not_there_is_a_mistake(tmp_path):
    assert "cannot be read" in problems(CV_PRICES_PORT="1", CV_PRICES_KEY_FILE=str(tmp_path / "none"))


def test_a_password_in_a_url_is_hidden():
    assert redact_url("postgresql://me:secret@host:5432/db") == "postgresql://me:********@host:5432/db"
    loaded = load(Settings, {"CV_PRICES_PORT": "1", "CV_DATABASE_URL": "postgresql://me:secret@host/db"}, "prices")
    assert "secret" not in repr(loaded) + str(describe(loaded))


def test_the_reference_table_names_every_setting_with_its_meaning():
    table = markdown("prices", Settings)
    assert "| `CV_PRICES_PORT` | `required` | gRPC port. |" in table
    assert "One of: kraken, binance." in table
