"""What the manifests tell the services is what the services can read."""

import importlib

import pytest

from services.kit.settings import CommonSettings, declarations, load

SERVICES = ("auth", "cache", "gateway", "prices", "realtime")
SECRETS = {
    "redis-url": "redis://:secret@redis.example:6379/0",
    "nats-url": "nats://nats.example:4222",
    "database-url": "postgresql://user:secret@postgres.example/cryptovault",
    "key-encryption-key": "ZGV2ZWxvcG1lbnQtb25seS1rZXktMzItYnl0ZXMhISE=",
}
MOUNT = "/run/secrets/cryptovault/"

each_service = pytest.mark.parametrize("service", SERVICES)


def settings_class(service: str) -> type[CommonSettings]:
    found: type[CommonSettings] = importlib.import_module(f"services.{service}.settings").Settings
    return found


def own_variables(base, workload):
    (only,) = base.pods()[workload]["spec"]["containers"]
    return {item["name"]: item.get("value", "a-pod-name") for item in only["env"]}


@pytest.fixture
def secrets(tmp_path):
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def told(base, secrets):
    """The settings that a service has in its pod."""

    def read(service):
        environ = base.settings() | own_variables(base, service)
        environ = {name: value.replace(MOUNT, f"{secrets}/") for name, value in environ.items()}
        return load(settings_class(service), environ, service)

    return read


@each_service
def test_a_service_accepts_the_environment_of_its_pod(told, service):
    settings = told(service)
    assert settings.replica == "a-pod-name"
    assert settings.rpc_host == "0.0.0.0"
    assert settings.nats_url == SECRETS["nats-url"]


@each_service
def test_what_a_pod_is_told_on_its_own_is_a_setting_of_its_service(base, service):
    names = {declaration.name for declaration in declarations(settings_class(service)).values()}
    assert {name.removesuffix("_FILE") for name in own_variables(base, service)} <= names


def test_every_shared_setting_is_a_setting_of_some_service(base):
    classes = [settings_class(service) for service in SERVICES]
    known = {declaration.name for item in classes for declaration in declarations(item).values()}
    assert set(base.settings()) <= known


@each_service
def test_a_container_names_the_ports_that_its_service_listens_on(base, told, service):
    settings = told(service)
    (only,) = base.pods()[service]["spec"]["containers"]
    listens = {settings.port, getattr(settings, "grpc_port", settings.port)}
    assert {port["containerPort"] for port in only["ports"]} == listens


def test_addresses_lead_to_services_that_exist(base):
    settings, services = base.settings(), base.kind("Service")
    for area in ("AUTH", "PRICES", "REALTIME", "CACHE"):
        name, _, port = settings[f"CV_{area}_ADDRESS"].removeprefix("dns:///").partition(":")
        assert int(port) in [item["port"] for item in services[name]["spec"]["ports"]]
    name, _, port = settings["CV_REALTIME_URL"].removeprefix("http://").partition(":")
    assert int(port) in [item["port"] for item in services[name]["spec"]["ports"]]


def test_no_client_takes_all_connections_of_realtime_and_no_foreign_page_connects(told):
    settings = told("realtime")
    assert 0 < settings.connections_per_user <= settings.connections_per_ip
    assert settings.trusted_proxy_hops > 0  # or all clients had the address of a proxy
    assert settings.allowed_origins == ("https://cryptovault.example",)


def test_in_a_cluster_of_ones_own_pages_of_any_origin_connect(dev):
    assert own_variables(dev, "realtime")["CV_REALTIME_ALLOWED_ORIGINS"] == "*"


@pytest.mark.parametrize("workload", [*SERVICES, "auth-migrate", "prices-migrate"])
def test_secrets_are_files_and_the_files_are_mounted(base, workload):
    pod = base.pods()[workload]["spec"]
    items = {item["path"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", ())}
    files = {
        value.removeprefix(MOUNT) for name, value in own_variables(base, workload).items() if name.endswith("_FILE")
    }
    assert files == items
    assert not any("valueFrom" in item and "secretKeyRef" in item["valueFrom"] for item in pod["containers"][0]["env"])
    assert [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume] == [0o440]


@each_service
def test_no_secret_stands_in_plain_text(base, service):
    secret = {item.name for item in declarations(settings_class(service)).values() if item.secret or item.url}
    internal = {"CV_REALTIME_URL"}
    assert not (secret - internal) & (set(base.settings()) | set(own_variables(base, service)))


@pytest.mark.parametrize("service", ["auth", "prices"])
def test_a_job_migrates_and_the_pods_do_not(base, told, service, request):
    (only,) = base.pods()[f"{service}-migrate"]["spec"]["containers"]
    assert only["args"] == [f"services.{service}", "migrate"]
    assert list((request.config.rootpath / "services" / service / "migrations").glob("*.sql"))
    assert told(service).migrate_at_start is False


def test_the_development_overlay_has_every_key_of_the_secret(base, dev):
    (secret,) = dev.kind("Secret").values()
    wanted = {
        item["key"]
        for pod in base.pods().values()
        for volume in pod["spec"]["volumes"]
        for item in volume.get("secret", {}).get("items", ())
    }
    assert set(secret["data"]) == wanted
