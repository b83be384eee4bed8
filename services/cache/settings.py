"""What the cache service is told."""

from dataclasses import dataclass

from services.kit.settings import CommonSettings, setting


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """Settings of the cache service."""

    port: int = setting("CV_CACHE_PORT", "gRPC port", default=50054, minimum=1, maximum=65535)
