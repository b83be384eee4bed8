"""What every workload on Kubernetes must have, row by row, on the rendered base."""

import re

import pytest

SERVICES = ("auth", "cache", "gateway", "prices", "realtime")
GRPC_SERVICES = ("auth", "cache", "prices")
WORKLOADS = (*SERVICES, "auth-migrate", "prices-migrate")
FILES = {"deployment", "hpa", "kustomization", "networkpolicy", "pdb", "service", "serviceaccount"}

each_service = pytest.mark.parametrize("service", SERVICES)
each_workload = pytest.mark.parametrize("workload", WORKLOADS)


def container(base, workload):
    (only,) = base.pods()[workload]["spec"]["containers"]
    return only


def seconds(base, name):
    return float(base.settings()[name])


def mebibytes(quantity):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def cores(quantity):
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def test_the_base_renders_without_a_warning(base):
    assert base.warnings == ""
    assert set(base.kind("Deployment")) == set(SERVICES)
    assert set(base.kind("Job")) == {"auth-migrate", "prices-migrate"}


@each_service
def test_every_service_has_the_same_files(service, request):
    folder = request.config.rootpath / "deploy/k8s/base" / service
    assert {path.stem for path in folder.iterdir()} - {"migration"} == FILES


@each_service
def test_three_probes_ask_three_questions(base, service):
    probes = container(base, service)
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(probes)
    assert probes["livenessProbe"] != probes["readinessProbe"]
    assert probes["startupProbe"]["failureThreshold"] * probes["startupProbe"]["periodSeconds"] >= 30


@pytest.mark.parametrize("service", GRPC_SERVICES)
def test_grpc_services_are_probed_natively_and_by_name(base, service):
    probes = container(base, service)
    asked = [probes[f"{question}Probe"]["grpc"]["service"] for question in ("startup", "liveness", "readiness")]
    assert asked == ["startup", "live", ""]


@each_service
def test_probes_ask_a_port_that_the_container_has(base, service):
    spec = container(base, service)
    ports = {port["name"]: port["containerPort"] for port in spec["ports"]}
    for question in ("startup", "liveness", "readiness"):
        probe = spec[f"{question}Probe"]
        port = probe["grpc"]["port"] if "grpc" in probe else ports[probe["httpGet"]["port"]]
        assert port in ports.values()


@each_service
def test_a_disruption_takes_one_pod_at_a_time(base, service):
    budget = base.kind("PodDisruptionBudget")[service]["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert budget["selector"] == base.kind("Deployment")[service]["spec"]["selector"]


@each_service
def test_every_service_scales_and_leaves_replicas_to_the_autoscaler(base, service):
    scaler = base.kind("HorizontalPodAutoscaler")[service]["spec"]
    assert scaler["scaleTargetRef"]["name"] == service
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert "replicas" not in base.kind("Deployment")[service]["spec"]


def test_realtime_shrinks_slowly_since_its_clients_have_to_move(base):
    shrink = base.kind("HorizontalPodAutoscaler")["realtime"]["spec"]["behavior"]["scaleDown"]
    assert shrink["stabilizationWindowSeconds"] >= 600
    assert shrink["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


@each_service
def test_pods_are_spread_over_zones_and_hosts(base, service):
    spread = base.pods()[service]["spec"]["topologySpreadConstraints"]
    assert {item["topologyKey"] for item in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    own = base.kind("Deployment")[service]["spec"]["selector"]
    assert all(item["maxSkew"] == 1 and item["labelSelector"] == own for item in spread)


@each_workload
def test_the_restricted_pod_security_standard_is_met(base, workload):
    pod, only = base.pods()[workload]["spec"], container(base, workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10001
    assert pod["securityContext"]["runAsGroup"] >= 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"]["allowPrivilegeEscalation"] is False
    assert only["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all({"emptyDir", "secret"} & set(volume) for volume in pod["volumes"])


def test_the_namespace_enforces_it(base):
    labels = base.kind("Namespace")["cryptovault"]["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


@each_workload
def test_the_root_file_system_is_read_only_beside_a_bounded_tmp(base, workload):
    only = container(base, workload)
    assert only["securityContext"]["readOnlyRootFilesystem"] is True
    assert "/tmp" in [mount["mountPath"] for mount in only["volumeMounts"]]
    empty = [volume["emptyDir"] for volume in base.pods()[workload]["spec"]["volumes"] if "emptyDir" in volume]
    assert all("sizeLimit" in item for item in empty)


@each_service
def test_every_service_is_its_own_account_without_a_token(base, service):
    assert base.pods()[service]["spec"]["serviceAccountName"] == service
    assert base.kind("ServiceAccount")[service]["automountServiceAccountToken"] is False


@each_workload
def test_no_token_and_no_service_variables_are_put_into_a_pod(base, workload):
    pod = base.pods()[workload]["spec"]
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)


@each_workload
def test_memory_is_reserved_as_a_whole_and_cpu_is_not_limited(base, workload):
    resources = container(base, workload)["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert resources["limits"]["memory"] == resources["requests"]["memory"]
    assert "cpu" not in resources["limits"]


@each_service
def test_a_pod_waits_for_the_load_balancers_before_it_stops(base, service):
    assert container(base, service)["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5


@each_service
def test_the_grace_period_holds_the_whole_drain(base, service):
    pause = container(base, service)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = seconds(base, "CV_PREDRAIN_SECONDS") + seconds(base, "CV_DRAIN_SECONDS")
    flush = 15  # the servers' own second, closing of connections, telemetry
    assert base.pods()[service]["spec"]["terminationGracePeriodSeconds"] >= pause + drain + flush


@each_service
def test_a_rollout_never_takes_a_pod_before_its_successor_serves(base, service):
    spec = base.kind("Deployment")[service]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": 0}
    assert spec["minReadySeconds"] >= 5


@pytest.mark.parametrize("name", [*GRPC_SERVICES, "realtime-grpc"])
def test_grpc_services_are_headless_so_that_clients_balance(base, name):
    assert base.kind("Service")[name]["spec"]["clusterIP"] == "None"


def test_the_edge_says_which_protocol_it_speaks(base):
    (port,) = base.kind("Service")["gateway"]["spec"]["ports"]
    assert port["appProtocol"] == "kubernetes.io/h2c"


def test_services_select_pods_and_name_ports_that_exist(base):
    for name, service in base.kind("Service").items():
        selector = service["spec"]["selector"]["app.kubernetes.io/name"]
        ports = {port["name"]: port["containerPort"] for port in container(base, selector)["ports"]}
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports, name


def test_no_service_selects_the_pods_of_a_migration(base):
    chosen = {service["spec"]["selector"]["app.kubernetes.io/name"] for service in base.kind("Service").values()}
    assert chosen <= set(SERVICES)


@each_workload
def test_images_have_a_fixed_version(base, workload):
    image, _, tag = container(base, workload)["image"].partition(":")
    assert image == f"cryptovault/{workload.removesuffix('-migrate')}"
    assert re.fullmatch(r"\d+\.\d+\.\d+", tag)
    assert container(base, workload)["imagePullPolicy"] == "IfNotPresent"


def test_only_what_serves_waits_for_the_migrations(base):
    phases = {
        (item["kind"], item["metadata"].get("labels", {}).get("cryptovault/phase"))
        for item in base.objects
        if "cryptovault/phase" in item["metadata"].get("labels", {})
    }
    assert phases == {("Deployment", "serve"), ("Job", "migrate")}


def test_the_quota_holds_every_service_at_its_maximum_during_a_rollout(base):
    (quota,) = base.kind("ResourceQuota").values()
    pods = cpu = memory = 0.0
    for service in SERVICES:
        most = base.kind("HorizontalPodAutoscaler")[service]["spec"]["maxReplicas"] * 1.25
        requests = container(base, service)["resources"]["requests"]
        pods, cpu, memory = (
            pods + most,
            cpu + most * cores(requests["cpu"]),
            memory + most * mebibytes(requests["memory"]),
        )
    hard = quota["spec"]["hard"]
    assert pods <= int(hard["pods"])
    assert cpu <= cores(hard["requests.cpu"])
    assert memory <= min(mebibytes(hard["requests.memory"]), mebibytes(hard["limits.memory"]))


def test_a_limit_range_catches_containers_that_say_nothing(base):
    (limits,) = base.kind("LimitRange").values()
    (rule,) = limits["spec"]["limits"]
    assert {"cpu", "memory"} <= set(rule["defaultRequest"])
    assert "cpu" not in rule["default"]


def test_everything_of_the_base_lies_in_its_namespace(base):
    spaced = [item for item in base.objects if item["kind"] != "Namespace"]
    assert {item["metadata"]["namespace"] for item in spaced} == {"cryptovault"}


def test_the_development_overlay_renders_and_brings_the_data_stores(dev):
    assert dev.warnings == ""
    assert {"redis", "nats", "postgres"} <= set(dev.kind("Deployment"))
    assert all(item["spec"]["minReplicas"] == 1 for item in dev.kind("HorizontalPodAutoscaler").values())
    images = [only["image"] for pod in dev.pods().values() for only in pod["spec"]["containers"]]
    assert all(":" in image and not image.endswith(":latest") for image in images)
