"""Public ports are as promised or the start is refused; private ones give way."""

import pytest

from launcher.model import Port, Process, Ready
from launcher.ports import SPARE, PortProblem, choose_ports
from launcher.probes import listening


def rows(*ports):
    return [Process(name="service", what="", command=(), ready=Ready(listening, "1"), ports=ports)]


PUBLIC = Port("edge", 8001, "CV_EDGE_PORT", public=True)
PRIVATE = Port("inner", 5432, "CV_INNER_PORT")


def choose(port, environ=(), *, taken=(), keep_default=True):
    owner = "process 7 (nginx)"
    return choose_ports(rows(port), dict(environ), lambda n: n not in taken, lambda _: owner, keep_default)[port.name]


def test_a_port_is_its_usual_one_when_that_is_free():
    assert (choose(PUBLIC), choose(PRIVATE)) == (8001, 5432)


def test_a_port_is_the_one_asked_for():
    assert choose(PUBLIC, {"CV_EDGE_PORT": "9001"}) == 9001


def test_a_private_port_gives_way_when_its_usual_one_is_taken():
    assert choose(PRIVATE, taken={5432}) in SPARE


def test_a_second_stack_leaves_the_usual_private_ports_alone():
    assert choose(PRIVATE, keep_default=False) in SPARE


def test_a_taken_public_port_is_refused_with_its_owner_and_the_way_out():
    with pytest.raises(PortProblem) as problem:
        choose(PUBLIC, taken={8001})
    assert problem.value.problems == [
        "Port 8001 is taken by process 7 (nginx). Choose another: make up CV_EDGE_PORT=9001"
    ]


def test_a_private_port_asked_for_is_not_replaced_silently():
    with pytest.raises(PortProblem, match="7000 is taken"):
        choose(PRIVATE, {"CV_INNER_PORT": "7000"}, taken={7000})


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_named(text):
    with pytest.raises(PortProblem, match="CV_EDGE_PORT must be a port from 1 to 65535"):
        choose(PUBLIC, {"CV_EDGE_PORT": text})


def test_a_port_that_may_be_off_can_be_zero():
    assert choose(Port("tls", 8443, "CV_TLS_PORT", public=True, may_be_off=True), {"CV_TLS_PORT": "0"}) == 0


def test_two_parts_cannot_have_one_port():
    both = rows(PUBLIC, Port("other", 8002, "CV_OTHER_PORT", public=True))
    with pytest.raises(PortProblem, match="another part of this stack"):
        choose_ports(both, {"CV_OTHER_PORT": "8001"}, lambda _: True, lambda _: "")
