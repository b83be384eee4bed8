"""Settings from environment variables, each declared once.

    @dataclass(frozen=True, kw_only=True)
    class Settings(CommonSettings):
        port: int = setting("CV_PRICES_PORT", "gRPC port", default=50052, minimum=1, maximum=65535)

`load` reads them, reports every mistake at once, and hints at the nearest known name for a typo. Secrets may come from
a file named by `<NAME>_FILE` and are never printed.
"""

import difflib
import math
import os
import socket
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

SettingsType = TypeVar("SettingsType", bound="CommonSettings")

SERVICES = ("auth", "cache", "gateway", "prices", "realtime", "simulator")
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
REDACTED = "********"


class SettingsError(Exception):
    """One or more settings are wrong; `problems` says each of them in a sentence."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Declaration:
    """What is known of one setting: its variable's name, its meaning, and what values it takes."""

    name: str
    meaning: str
    secret: bool = False
    url: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


def setting(
    name: str,
    meaning: str,
    *,
    default: Any = MISSING,
    secret: bool = False,
    url: bool = False,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """Declare a setting as a dataclass field; without a default it is required. `url` hides a password when shown."""
    declaration = Declaration(name, meaning, secret, url, choices, minimum, maximum)
    return field(default=default, metadata={"setting": declaration}, repr=not (secret or url))


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """What every service is told."""

    redis_url: str = setting(
        "CV_REDIS_URL", "Redis or Valkey, shared by all services", default="redis://127.0.0.1:6379/0", url=True
    )
    nats_url: str = setting("CV_NATS_URL", "NATS with JetStream", default="nats://127.0.0.1:4222", url=True)
    log_level: str = setting(
        "CV_LOG_LEVEL", "Least severe log level shown", default="info", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting("CV_LOG_FORMAT", "Form of the log lines", default="json", choices=("json", "text"))
    sentry_dsn: str | None = setting("CV_SENTRY_DSN", "Sentry project; off when unset", default=None, secret=True)
    sentry_traces_sample_rate: float = setting(
        "CV_SENTRY_TRACES_SAMPLE_RATE", "Share of requests traced to Sentry", default=0.1, minimum=0, maximum=1
    )
    rpc_host: str = setting(
        "CV_RPC_HOST",
        "Address that gRPC servers listen on; 0.0.0.0 only where the network keeps clients away",
        default="127.0.0.1",
    )
    replica_id: str = setting(
        "CV_REPLICA_ID",
        "Name of this replica, unique among its service's replicas; host name and process id when unset",
        default="",
    )
    drain_seconds: float = setting(
        "CV_DRAIN_SECONDS", "Longest wait for work in flight when stopping", default=10.0, minimum=0, maximum=600
    )
    predrain_seconds: float = setting(
        "CV_PREDRAIN_SECONDS",
        "Pause between 'not ready' and closing the listeners, so that load balancers notice",
        default=0.0,
        minimum=0,
        maximum=120,
    )

    @property
    def replica(self) -> str:
        """The replica's name: as set, else host name and process id."""
        return self.replica_id or f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Mixed into the settings of services that own tables."""

    database_url: str = setting(
        "CV_DATABASE_URL", "PostgreSQL", default="postgresql://postgres@127.0.0.1:5432/cryptovault", url=True
    )
    migrate_at_start: bool = setting(
        "CV_MIGRATE_AT_START", "Apply migrations when the service starts (off where a Job does it)", default=True
    )


@dataclass(frozen=True, kw_only=True)
class UpstreamSettings:
    """Mixed into the settings of services that call others: gRPC addresses, `host:port` or `dns:///host:port`.

    The gateway takes a list of them, with commas, for the replicas of a service.
    """

    auth_address: str = setting("CV_AUTH_ADDRESS", "gRPC address of auth", default="127.0.0.1:50051")
    prices_address: str = setting("CV_PRICES_ADDRESS", "gRPC address of prices", default="127.0.0.1:50052")
    realtime_address: str = setting("CV_REALTIME_ADDRESS", "gRPC address of realtime", default="127.0.0.1:50053")
    cache_address: str = setting("CV_CACHE_ADDRESS", "gRPC address of cache", default="127.0.0.1:50054")


@dataclass(frozen=True, kw_only=True)
class ProxySettings:
    """Mixed into the settings of services that clients reach over HTTP."""

    trusted_proxy_hops: int = setting(
        "CV_TRUSTED_PROXY_HOPS",
        "Proxies in front of this service whose X-Forwarded-For entries count",
        default=0,
        minimum=0,
        maximum=16,
    )


# Variables outside the services' own prefixes: known everywhere, so that one environment can serve the whole suite.
SHARED_NAMES = frozenset({"CV_ADMIN_EMAIL", "CV_ADMIN_PASSWORD", "CV_MARKET", "CV_REALTIME_URL", "CV_RECORDINGS"})


def declarations(settings: type[Any]) -> dict[str, Declaration]:
    """The declaration of every field of a settings class, by field name."""
    return {item.name: item.metadata["setting"] for item in fields(settings) if "setting" in item.metadata}


def load(settings: type[SettingsType], environ: Mapping[str, str], service: str = "") -> SettingsType:
    """Build the settings of `service` from `environ`. Raises SettingsError with every mistake found."""
    hints = typing.get_type_hints(settings)
    problems = _unknown_names(settings, environ, service)
    values: dict[str, Any] = {}
    for item in fields(settings):
        declaration = item.metadata["setting"]
        try:
            text = _read(declaration, environ)
            if text is not None:
                values[item.name] = _parse(declaration, hints[item.name], text)
            elif item.default is MISSING:
                raise ValueError(f"is required: {declaration.meaning}")
        except ValueError as error:
            problems.append(f"{declaration.name} {error}")
    if problems:
        raise SettingsError(problems)
    return settings(**values)


def _read(declaration: Declaration, environ: Mapping[str, str]) -> str | None:
    text, file = environ.get(declaration.name), environ.get(f"{declaration.name}_FILE")
    if text and file:
        raise ValueError(f"and {declaration.name}_FILE are both set; set one of them")
    if file:
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise ValueError(f"_FILE names {file!r}, which cannot be read: {error.strerror}") from error
    return text if text else None


def _parse(declaration: Declaration, kind: Any, text: str) -> Any:
    value = _convert(_without_none(kind), declaration, text)
    if declaration.choices:
        _check_choices(declaration, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(declaration, value)
    return value


def _without_none(kind: Any) -> Any:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next(part for part in typing.get_args(kind) if part is not type(None))
    return kind


def _convert(kind: Any, declaration: Declaration, text: str) -> Any:
    if kind is bool:
        return _convert_bool(declaration, text)
    if kind in (int, float):
        return _convert_number(kind, declaration, text)
    if typing.get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return kind(text)


def _convert_bool(declaration: Declaration, text: str) -> bool:
    word = text.lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError(f"must be true or false, not {_shown(declaration, text)}")
    return word in TRUE_WORDS


def _convert_number(kind: type[int] | type[float], declaration: Declaration, text: str) -> int | float:
    name = "a whole number" if kind is int else "a number"
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"must be {name}, not {_shown(declaration, text)}") from None
    if not math.isfinite(value):
        raise ValueError(f"must be {name}, not {_shown(declaration, text)}")
    return value


def _check_choices(declaration: Declaration, value: Any) -> None:
    wrong = [part for part in (value if isinstance(value, tuple) else (value,)) if part not in declaration.choices]
    if wrong:
        raise ValueError(f"must be one of {', '.join(declaration.choices)}, not {_shown(declaration, wrong[0])}")


def _check_range(declaration: Declaration, value: float) -> None:
    if declaration.minimum is not None and value < declaration.minimum:
        raise ValueError(f"must be at least {declaration.minimum}, not {value}")
    if declaration.maximum is not None and value > declaration.maximum:
        raise ValueError(f"must be at most {declaration.maximum}, not {value}")


def _shown(declaration: Declaration, text: str) -> str:
    return "the value given" if declaration.secret or declaration.url else repr(text)


def _unknown_names(settings: type[Any], environ: Mapping[str, str], service: str) -> list[str]:
    known = {declaration.name for declaration in declarations(settings).values()}
    known |= {f"{name}_FILE" for name in known}
    all_known = known | SHARED_NAMES | _names_of_mixins()
    problems = []
    for name in sorted(environ):
        if name.startswith("CV_") and name not in all_known and not _is_anothers(name, service):
            nearest = difflib.get_close_matches(name, all_known, n=1, cutoff=0.75)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            problems.append(f"{name} is set but unknown{hint}")
    return problems


def _names_of_mixins() -> set[str]:
    mixins = (CommonSettings, DatabaseSettings, UpstreamSettings, ProxySettings)
    names = {declaration.name for mixin in mixins for declaration in declarations(mixin).values()}
    return names | {f"{name}_FILE" for name in names} | {f"{name}_FILE" for name in SHARED_NAMES}


def _is_anothers(name: str, service: str) -> bool:
    """Whether a variable carries the prefix of another service, whose business it then is."""
    return any(name.startswith(f"CV_{other.upper()}_") for other in SERVICES if other != service)


def describe(settings: CommonSettings) -> dict[str, str]:
    """Every setting with its value, secrets hidden: fit for a log or a screen."""
    return {
        declaration.name: _redact(declaration, getattr(settings, name))
        for name, declaration in declarations(type(settings)).items()
    }


def _redact(declaration: Declaration, value: Any) -> str:
    if value is None or value == "":
        return ""
    if declaration.secret:
        return REDACTED
    if declaration.url:
        return redact_url(str(value))
    return ",".join(value) if isinstance(value, tuple) else str(value)


def redact_url(url: str) -> str:
    """The URL with its password hidden."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{REDACTED}@{host}"))


def markdown(service: str, settings: type[Any]) -> str:
    """A table of a service's settings for docs/configuration.md."""
    rows = [f"## {service}", "", "| variable | default | meaning |", "|---|---|---|"]
    for item in fields(settings):
        declaration = item.metadata["setting"]
        default = "required" if item.default is MISSING else _redact(declaration, item.default)
        extra = f" One of: {', '.join(declaration.choices)}." if declaration.choices else ""
        if declaration.secret or declaration.url:
            extra += f" May come from a file: `{declaration.name}_FILE`."
        rows.append(f"| `{declaration.name}` | `{default}` | {declaration.meaning}.{extra} |".replace("``", ""))
    return "\n".join(rows) + "\n"


__all__ = [
    "CommonSettings",
    "DatabaseSettings",
    "ProxySettings",
    "SettingsError",
    "UpstreamSettings",
    "declarations",
    "describe",
    "load",
    "markdown",
    "redact_url",
    "setting",
]
