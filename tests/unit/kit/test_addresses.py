import pytest

from services.kit.addresses import arrived_by_tls, client_address, network_of


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ("203.0.113.9", 0, "192.0.2.1"),
        ("", 1, "192.0.2.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("203.0.113.9", 3, "203.0.113.9"),
        ("2001:db8::1", 1, "2001:db8::1"),
    ],
)
def test_forwarded_addresses_count_only_as_far_as_proxies_are_trusted(forwarded: str, hops: int, address: str) -> None:
    assert client_address("192.0.2.1", forwarded, hops) == address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
    ],
)
def test_an_address_is_the_same_client_whatever_its_port_and_zone(written: str, address: str) -> None:
    assert client_address("192.0.2.1", f"6.6.6.6, {written}", 1) == address


@pytest.mark.parametrize(
    "written",
    [
        *("unknown", "_hidden", "example.com", "203.0.113", "203.0.113.7:", "203.0.113.7:x", "203.0.113.7%eth0"),
        *("203.0.113.07", "[203.0.113.7]:80", "[2001:db8::1", "]2001:db8::1[", "[2001:db8::1]443", "fe80::1%", ""),
    ],
)
def test_what_is_no_address_makes_no_client_of_its_own_but_counts_as_the_proxy(written: str) -> None:
    assert client_address("192.0.2.1", f"6.6.6.6, {written}", 1) == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "hops", "secure"),
    [
        ("https", 0, False),
        ("", 1, False),
        ("http", 1, False),
        ("https", 1, True),
        ("WSS", 1, True),
        ("https, http", 1, False),
        ("https, http", 2, True),
        ("https, http, http", 2, False),
        ("https", 2, True),
    ],
)
def test_that_tls_ended_at_a_proxy_is_believed_as_far_as_proxies_are_trusted(
    forwarded: str, hops: int, secure: bool
) -> None:
    assert arrived_by_tls(forwarded, hops) is secure


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unix:", ""),
    ],
)
def test_who_has_a_network_of_ipv6_counts_as_one_client(address: str, network: str) -> None:
    assert network_of(address) == network
