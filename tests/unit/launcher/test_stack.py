"""The stack table is sound, and the documentation shows it as it is."""

import pytest

from launcher.markdown import with_table
from launcher.model import Process, Ready
from launcher.order import stopping_waves
from launcher.plan import ROOT
from launcher.probes import listening
from launcher.stack import STACK


def row(name, *depends_on):
    return Process(name=name, what="", command=(), ready=Ready(listening, "1"), depends_on=depends_on)


def test_every_name_is_used_once():
    names = [process.name for process in STACK]
    assert len(names) == len(set(names))


def test_processes_depend_only_on_rows_above_them():
    names = [process.name for process in STACK]
    for index, process in enumerate(STACK):
        assert set(process.depends_on) <= set(names[:index])


def test_no_two_processes_have_the_same_usual_port():
    ports = [port.default for process in STACK for port in process.ports]
    assert len(ports) == len(set(ports))


def test_clients_are_promised_the_ports_of_the_design():
    public = {port.variable: port.default for process in STACK for port in process.ports if port.public}
    assert public == {"CV_GATEWAY_PORT": 8001, "CV_GATEWAY_TLS_PORT": 8443, "CV_REALTIME_PORT": 8002}


def test_the_five_services_and_their_servers_are_started():
    names = {process.name for process in STACK}
    assert names >= {"gateway", "auth", "prices", "realtime", "cache", "valkey", "nats", "postgres"}


def test_the_architecture_document_shows_this_table():
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert with_table(text, STACK) == text, "run: make config-doc"


def test_a_document_without_the_markers_is_an_error():
    with pytest.raises(ValueError, match="markers"):
        with_table("# Architecture", STACK)


def test_what_depends_on_a_process_stops_before_it():
    waves = stopping_waves([row("store"), row("service", "store"), row("edge", "service", "store")])
    assert [[process.name for process in wave] for wave in waves] == [["edge"], ["service"], ["store"]]


def test_independent_processes_stop_together():
    waves = stopping_waves([row("store"), row("one", "store"), row("other", "store")])
    assert [{process.name for process in wave} for wave in waves] == [{"one", "other"}, {"store"}]


def test_a_dependency_that_does_not_run_holds_nobody_up():
    assert len(stopping_waves([row("prices", "simulator")])) == 1


def test_a_circle_of_dependencies_is_an_error():
    with pytest.raises(ValueError, match="circle"):
        stopping_waves([row("hen", "egg"), row("egg", "hen")])
