"""How a cache behaves. All durations are seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CacheOptions:
    """The defaults suit data that is read much more often than it changes."""

    capacity: int = 1000  # entries in process memory
    local_ttl: float = 60.0  # longest life in process memory
    ttl: float = 300.0  # life in Redis, unless a call says otherwise
    negative_ttl: float = 5.0  # life of the knowledge that the source has nothing
    jitter: float = 0.1  # share of a life that chance may take off, so that entries do not all die at once
    grace: float = 0.0  # how long an expired value may stand in for a source that fails; 0: never
    retry_pause: float = 1.0  # how long such a stand-in is served before the source is asked again
    load_timeout: float = 10.0  # longest wait for the source
    patience: float = 1.0  # longest wait for another process that fills the same key
    shared_timeout: float = 0.05  # longest wait for Redis
    schema: int = 1  # raise it when the form of the values changes: older ones are then not read
