"""Who may talk to whom."""

import pytest

SERVICES = ("auth", "cache", "gateway", "prices", "realtime")
DATA_STORES = {"redis": 6379, "nats": 4222, "postgres": 5432}
CALLS = {
    ("gateway", "auth", 50051),
    ("gateway", "prices", 50052),
    ("gateway", "realtime", 8002),
    ("gateway", "realtime", 50053),
    ("gateway", "cache", 50054),
    ("realtime", "auth", 50051),
    ("realtime", "prices", 50052),
}


def policy(base, name):
    return base.kind("NetworkPolicy")[name]["spec"]


def peers(rules, side):
    """The (service, port) pairs that rules allow, of the peers that are pods of the suite."""
    return {
        (peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"], port["port"])
        for rule in rules
        for peer in rule.get(side, ())
        if "app.kubernetes.io/name" in peer.get("podSelector", {}).get("matchLabels", {})
        for port in rule["ports"]
    }


def test_nothing_is_allowed_by_default(base):
    assert policy(base, "default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_name_resolution_is(base):
    (rule,) = policy(base, "name-resolution")["egress"]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(53, "UDP"), (53, "TCP")}


@pytest.mark.parametrize("name", [*SERVICES, "auth-migrate", "prices-migrate"])
def test_every_pod_has_a_policy_for_both_ways_and_no_open_egress(base, name):
    spec = policy(base, name)
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}
    assert all(rule["to"] and rule["ports"] for rule in spec["egress"])


def test_callers_may_leave_for_exactly_those_who_let_them_in(base):
    leaving = {(name, *peer) for name in SERVICES for peer in peers(policy(base, name)["egress"], "to")}
    entering = {
        (caller, name, port) for name in SERVICES for caller, port in peers(policy(base, name)["ingress"], "from")
    }
    assert leaving == CALLS
    assert entering == CALLS


@pytest.mark.parametrize("name", SERVICES)
def test_ingress_is_for_ports_that_the_pod_has(base, name):
    (only,) = base.pods()[name]["spec"]["containers"]
    ports = {port["containerPort"] for port in only["ports"]}
    assert {port["port"] for rule in policy(base, name)["ingress"] for port in rule["ports"]} <= ports


def test_only_prices_may_leave_the_cluster(base):
    outside = {
        name
        for name, item in base.kind("NetworkPolicy").items()
        for rule in item["spec"].get("egress", ())
        for peer in rule["to"]
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    }
    assert outside == {"prices"}


@pytest.mark.parametrize(
    ("name", "stores"),
    [
        ("auth", {"redis", "nats", "postgres"}),
        ("cache", {"redis", "nats"}),
        ("gateway", {"redis", "nats"}),
        ("prices", {"redis", "nats", "postgres"}),
        ("realtime", {"nats"}),
        ("auth-migrate", {"postgres"}),
        ("prices-migrate", {"postgres"}),
    ],
)
def test_each_reaches_the_data_stores_it_uses_and_no_others(base, name, stores):
    reached = {port["port"] for rule in policy(base, name)["egress"] for port in rule["ports"]}
    assert reached & set(DATA_STORES.values()) == {DATA_STORES[store] for store in stores}
