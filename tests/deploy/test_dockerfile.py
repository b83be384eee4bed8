"""The one Dockerfile."""

import re

import pytest

SERVICES = ("auth", "cache", "gateway", "prices", "realtime")


@pytest.fixture(scope="module")
def lines(request):
    text = (request.config.rootpath / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def stages(lines):
    """The instructions of every stage, by its name; the last one is called final."""
    found, name = {}, ""
    for line in lines:
        if line.startswith("FROM"):
            name = line.partition(" AS ")[2] or "final"
            found[name] = []
        if name:
            found[name].append(line)
    return found


def test_every_service_is_a_stage_and_the_argument_chooses(lines, stages):
    assert lines[0] == "ARG SERVICE"
    assert set(SERVICES) <= set(stages)
    assert stages["final"] == ["FROM ${SERVICE}"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_own_service_and_no_other(stages, service):
    copied = [part for line in stages[service] if line.startswith("COPY") for part in line.split()[1:]]
    assert f"services/{service}/" in copied
    assert not {f"services/{other}/" for other in SERVICES if other != service} & set(copied)
    assert stages[service][-1] == f'CMD ["services.{service}"]'


def test_images_come_from_named_versions(stages):
    for name in ("packages", "dashboard", "runtime"):
        assert re.match(r"FROM (python:3\.11-slim|node:20-slim) AS ", stages[name][0])


def test_packages_are_installed_as_locked_and_checked_by_hash(stages):
    (install,) = [line for line in stages["packages"] if "uv pip install" in line]
    assert "--require-hashes" in install
    assert "--constraints requirements.lock" in install


def test_the_service_runs_as_a_numeric_user_that_is_not_root(stages):
    (user,) = [line for line in stages["runtime"] if line.startswith("USER")]
    assert all(int(number) >= 10001 for number in user.split()[1].split(":"))
    assert not any(line.startswith("USER") for service in SERVICES for line in stages[service])


def test_no_installer_is_left_behind(stages):
    assert any("pip uninstall --yes setuptools wheel pip" in line for line in stages["runtime"])


def test_the_process_gets_signals_itself(stages):
    assert 'ENTRYPOINT ["python", "-m"]' in stages["runtime"]


def test_what_is_copied_is_sent_to_the_builder(lines, request):
    allowed = {
        line[1:]
        for line in (request.config.rootpath / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert any(source.rstrip("/").startswith(entry) for entry in allowed), line
                assert (request.config.rootpath / source).exists()
