"""What each process is told: the caller's word first, then the stack table's."""

import pytest

from launcher.folder import RunFolder
from launcher.plan import Plan, environment_of, instance_name
from launcher.stack import GATEWAY, PRICES, STACK, VALKEY

PORTS = {port.name: port.default for process in STACK for port in process.ports}


@pytest.fixture
def plan(tmp_path):
    def make(**environ):
        folder = RunFolder(tmp_path / "run" / "test")
        folder.create()
        return Plan(STACK, PORTS, environ, folder)

    return make


def names(processes):
    return {process.name for process in processes}


def test_a_service_is_told_where_the_others_are(plan):
    env = plan().launch(GATEWAY, "simulated").env
    assert env["CV_REDIS_URL"] == "redis://127.0.0.1:6379/0"
    assert env["CV_AUTH_ADDRESS"] == "127.0.0.1:50051"
    assert env["CV_GATEWAY_PORT"] == "8001"


def test_every_variable_of_the_caller_is_handed_on(plan):
    env = plan(CV_ADMIN_EMAIL="a@b.c", OTEL_SERVICE_NAME="x", HOME="/home").launch(PRICES, "live").env
    assert (env["CV_ADMIN_EMAIL"], env["OTEL_SERVICE_NAME"], env["HOME"]) == ("a@b.c", "x", "/home")


def test_the_callers_word_wins_over_the_tables(plan):
    env = plan(CV_LOG_FORMAT="json", CV_AUTH_ADDRESS="far:1").launch(GATEWAY, "live").env
    assert (env["CV_LOG_FORMAT"], env["CV_AUTH_ADDRESS"]) == ("json", "far:1")


def test_a_server_of_the_callers_own_replaces_the_embedded_one(plan):
    own = plan(CV_REDIS_URL="redis://elsewhere:6379/0")
    assert "valkey" not in names(own.wanted("live"))
    assert own.launch(PRICES, "live").env["CV_REDIS_URL"] == "redis://elsewhere:6379/0"


def test_a_server_named_in_a_secret_file_replaces_the_embedded_one_too(plan):
    own = plan(CV_DATABASE_URL_FILE="/run/secrets/db")
    assert "postgres" not in names(own.wanted("live"))
    assert "CV_DATABASE_URL" not in own.launch(PRICES, "live").env


def test_an_empty_variable_counts_as_unset(plan):
    assert "valkey" in names(plan(CV_REDIS_URL="").wanted("live"))


def test_the_simulator_runs_only_in_a_simulated_market(plan):
    assert "simulator" in names(plan().wanted("simulated"))
    assert "simulator" not in names(plan().wanted("live"))


def test_only_a_simulated_market_tells_prices_so(plan):
    assert plan().launch(PRICES, "simulated").env["CV_PRICES_SIMULATED"] == "true"
    assert not {name for name in plan().launch(PRICES, "live").env if name.startswith("CV_PRICES_SIM")}


def test_a_command_is_filled_in(plan):
    launch = plan().launch(VALKEY, "")
    assert launch.command[0].endswith("valkey-server")
    assert launch.command[launch.command.index("--port") + 1] == "6379"


def test_data_folders_are_private(plan):
    assert plan().launch(VALKEY, "").data.stat().st_mode & 0o077 == 0


def test_a_stack_is_known_by_the_gateways_port():
    assert instance_name({}) == "default"
    assert instance_name({"CV_GATEWAY_PORT": "9001"}) == "gateway-9001"


def test_recordings_become_the_simulators_setting(tmp_path):
    assert environment_of({"RECORDINGS": str(tmp_path)}) == {"CV_SIMULATOR_RECORDINGS": str(tmp_path)}


def test_recordings_that_do_not_exist_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"RECORDINGS=.*nowhere: there is no such folder"):
        environment_of({"RECORDINGS": str(tmp_path / "nowhere")})
