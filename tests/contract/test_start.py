"""How every service starts, and how it refuses to: the same for all."""

import os
import subprocess
import sys

import pytest
from cryptovault.gateway.v1.policy_pb2 import Policy
from google.protobuf.duration_pb2 import Duration

from tests.unit.gateway.test_sixth_service import with_orders

SERVICES = ["auth", "cache", "gateway", "prices", "realtime"]


def run(service: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"services.{service}", *arguments]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CV_")}
    return subprocess.run(command, env={**environ, **variables}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("service", SERVICES)
def test_wrong_settings_are_all_named_in_plain_words_and_end_with_2(service):
    refused = run(service, CV_LOG_LEVEL="loud", CV_DRAIN_SECONDS="soon", CV_REDIS_ULR="redis://me:hunter2@host")
    assert refused.returncode == 2
    assert "CV_LOG_LEVEL must be one of debug, info, warning, error, not 'loud'" in refused.stderr
    assert "CV_DRAIN_SECONDS must be a number, not 'soon'" in refused.stderr
    assert "CV_REDIS_ULR is set but unknown; did you mean CV_REDIS_URL?" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hunter2" not in refused.stderr + refused.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_can_be_checked_and_shown_without_secrets(service):
    shown = run(service, "--check-config", CV_REDIS_URL="redis://me:hunter2@host:6379/0")
    assert shown.returncode == 0
    assert "CV_REDIS_URL=redis://me:********@host:6379/0" in shown.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_help_says_what_can_be_asked(service):
    helped = run(service, "--help")
    assert helped.returncode == 0
    assert "--check-config" in helped.stdout


def test_protos_that_the_gateway_cannot_serve_are_named_in_plain_words(tmp_path):
    descriptors = with_orders(access=Policy.PUBLIC, cache_ttl=Duration(seconds=1))
    (tmp_path / "api.binpb").write_bytes(descriptors.SerializeToString())
    refused = run("gateway", CV_GATEWAY_DESCRIPTORS=str(tmp_path / "api.binpb"))
    assert refused.returncode == 2
    assert (
        "OrdersService.UpdateOrder: cache_ttl has no effect, for PATCH /api/orders/{order_id} is no" in refused.stderr
    )
    assert "Traceback" not in refused.stderr
