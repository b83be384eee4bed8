"""What the settings of the gateway mean to its server."""

import pytest

from services.gateway.settings import Settings
from services.gateway.wiring import _hypercorn
from services.kit.settings import SettingsError


def test_streams_are_limited_whatever_engine_speaks_http2() -> None:
    assert _hypercorn(Settings(tls_port=0, streams_per_connection=7)).h2_max_concurrent_streams == 7
    assert _hypercorn(Settings(tls_port=0)).h2_max_concurrent_streams == 250


def test_a_limit_that_an_engine_would_not_keep_is_refused() -> None:
    with pytest.raises(SettingsError, match="CV_GATEWAY_CONNECTIONS_PER_CLIENT needs CV_GATEWAY_HTTP2_ENGINE=ngh2"):
        Settings(http2_engine="hypercorn", connections_per_client=100)
