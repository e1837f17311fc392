"""Settings of a process: read once from the environment, frozen, and strict about names.

A service's own settings are `FEEDMILL_<SERVICE>__<FIELD>`, `__` between levels. What all processes share has
global names, all of them in `GLOBAL_NAMES`. Any value may come from a file instead: `<NAME>_FILE=/path`.
pydantic-settings lets a misspelt variable pass unseen, so `from_env()` refuses every `FEEDMILL_` name it does
not know; other services' prefixes may be present, their owner judges them.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "FEEDMILL_"
SERVICE_PREFIXES: Final = tuple(
    f"{PREFIX}{service}__" for service in ("INGEST", "ENRICHER", "FEED_WRITER", "API", "GATEWAY", "CLI")
)

GLOBAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": ("kafka", "bootstrap_servers"),
    "FEEDMILL_POSTGRES_DSN": ("postgres", "dsn"),
    "FEEDMILL_CLICKHOUSE_URL": ("clickhouse", "url"),
    "FEEDMILL_LOG_LEVEL": ("log", "level"),
    "FEEDMILL_LOG_FORMAT": ("log", "format"),
    "FEEDMILL_TRUSTED_NETWORK": ("trusted_network",),
    "FEEDMILL_PORT": ("origin_port",),
    "FEEDMILL_HOME": ("home",),
    # Read where they are honoured (feedmill.runtime.failpoints), and only in a test build.
    "FEEDMILL_TEST_BUILD": (),
    "FEEDMILL_FAILPOINTS": (),
    "FEEDMILL_GUARDS_OFF": (),
}
"""Every global name, and the field of a `Settings` it fills where that class has such a field."""


class SettingsError(ValueError):
    """The environment cannot be used; says which names and why, never their values."""


class Section(BaseModel):
    """A named group of settings; frozen, refuses unknown fields, keeps values out of its errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(Section):
    """Where the log is. `bootstrap_servers` is `host:port[,host:port…]`."""

    bootstrap_servers: str


def _url(form: str, *schemes: str) -> AfterValidator:
    """Refuses what no client could read, at the start and by the setting's name; the value stays unsaid."""

    def checked(secret: SecretStr) -> SecretStr:
        scheme, separator, _ = secret.get_secret_value().partition("://")
        if secret and (not separator or scheme not in schemes):
            raise ValueError(f"must be {form}")
        return secret

    return AfterValidator(checked)


class PostgresSettings(Section):
    """Where Postgres is, and how long a process waits for it."""

    dsn: Annotated[SecretStr, _url("postgresql://user:password@host:port/database", "postgresql", "postgres")]
    pool_size: int = 8  # connections a process keeps; fixed, a growing pool costs a connect in the request
    connect_timeout_s: float = 5.0  # four round trips and more: a slow store is not away
    statement_timeout_s: float = 5.0  # a statement that takes longer counts as "Postgres is away"
    probe_interval_s: float = 0.25  # how often a store known to be away is tried again


class ClickHouseSettings(Section):
    """Where ClickHouse's HTTP interface is: `http://user:password@host:port/database`."""

    url: Annotated[SecretStr, _url("http://user:password@host:port/database", "http", "https")]


class LogSettings(Section):
    """How the process speaks. `auto`: console on a terminal, JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(BaseSettings):
    """Base of each service's settings: subclass, set `model_config = service_config("api")`, add fields."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_nested_delimiter="__", hide_input_in_errors=True)

    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing is read behind the caller's back: the environment comes in through `from_env()` only."""
        return (init_settings,)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment (by default the process's own).

        Raises SettingsError for an unknown name, a name given twice (plain and `_FILE`), an unreadable file,
        a missing or an invalid value.
        """
        named = {n: v for n, v in (os.environ if environ is None else environ).items() if n.startswith(PREFIX)}
        values = _with_files_read(named)
        _refuse_unknown(values, own_prefix=cls._own_prefix(), own_names=set(_names_of(cls, cls._own_prefix())))
        try:
            return cls.model_validate(_nested(cls, values))
        except ValidationError as error:
            raise SettingsError("; ".join(_complaints(cls, error))) from None

    @classmethod
    def _own_prefix(cls) -> str:
        return str(cls.model_config.get("env_prefix") or "")


def service_config(service: str) -> SettingsConfigDict:
    """The model_config of one service's Settings; `service` as in its prefix: `feed_writer`, `api`."""
    return SettingsConfigDict(env_prefix=f"{PREFIX}{service.upper()}__")


def _with_files_read(named: Mapping[str, str]) -> dict[str, str]:
    values = dict(named)
    for name, path in named.items():
        if not name.endswith("_FILE"):
            continue
        target = name.removesuffix("_FILE")
        if target in named:
            raise SettingsError(f"{target} and {name} are both given: keep one")
        del values[name]
        try:
            values[target] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: cannot read the file: {type(error).__name__}") from None
    return values


def _names_of(section: type[BaseModel], prefix: str) -> Iterator[str]:
    """Every name that may set a field of `section`, nested sections included."""
    for field, info in section.model_fields.items():
        yield f"{prefix}{field.upper()}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _names_of(info.annotation, f"{prefix}{field.upper()}__")


def _refuse_unknown(values: Mapping[str, str], *, own_prefix: str, own_names: set[str]) -> None:
    def known(name: str) -> bool:
        if name in GLOBAL_NAMES:
            return True
        if own_prefix and name.startswith(own_prefix):
            return name in own_names
        return name.startswith(SERVICE_PREFIXES)

    unknown = sorted(name for name in values if not known(name))
    if unknown:
        raise SettingsError(f"unknown settings: {', '.join(unknown)}; misspelt names are refused")


def _nested(cls: type[Settings], values: Mapping[str, str]) -> dict[str, object]:
    """The fields' values: global names first, the service's own names over them."""
    source = EnvSettingsSource(cls)
    source.env_vars = {name.lower(): value for name, value in values.items()}
    merged: dict[str, object] = {}
    for name, path in GLOBAL_NAMES.items():
        if name in values and path and path[0] in cls.model_fields:
            _put(merged, path, values[name])
    for field, value in source().items():
        if isinstance(value, Mapping) and isinstance(merged.get(field), dict):
            merged[field] = {**merged[field], **value}  # type: ignore[dict-item]
        else:
            merged[field] = value
    return merged


def _put(into: dict[str, object], path: tuple[str, ...], value: str) -> None:
    if len(path) == 1:
        into[path[0]] = value
        return
    section = into.setdefault(path[0], {})
    assert isinstance(section, dict)
    section[path[1]] = value


def _complaints(cls: type[Settings], error: ValidationError) -> Iterator[str]:
    globals_by_path = {path: name for name, path in GLOBAL_NAMES.items()}
    for detail in error.errors(include_input=False, include_url=False):
        path = tuple(str(part) for part in detail["loc"])
        own = cls._own_prefix() + "__".join(path).upper()
        needed = [n for p, n in globals_by_path.items() if len(path) == 1 and p[:1] == path]
        name = globals_by_path.get(path) or (needed[0] if needed and detail["type"] == "missing" else own)
        yield f"{name}: {detail['msg'].removeprefix('Value error, ')}"
