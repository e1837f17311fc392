"""Settings come from the environment, and nothing misspelt passes unseen."""

from pathlib import Path

import pytest

from feedmill.runtime.settings import (
    GLOBAL_NAMES,
    KafkaSettings,
    PostgresSettings,
    Section,
    Settings,
    SettingsError,
    service_config,
)


class Inner(Section):
    items: int = 3


class MillSettings(Settings):
    model_config = service_config("api")

    kafka: KafkaSettings
    postgres: PostgresSettings
    port: int
    inner: Inner = Inner()
    trusted_network: bool = False


DSN = "postgresql://someone:hunter2@db/feedmill"
ENOUGH = {
    "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
    "FEEDMILL_POSTGRES_DSN": DSN,
    "FEEDMILL_API__PORT": "5002",
}


def test_global_names_and_the_services_own_fill_nested_sections() -> None:
    settings = MillSettings.from_env(
        ENOUGH
        | {
            "FEEDMILL_API__INNER__ITEMS": "7",
            "FEEDMILL_API__POSTGRES__POOL_SIZE": "3",
            "FEEDMILL_TRUSTED_NETWORK": "true",
            "FEEDMILL_LOG_LEVEL": "debug",
        }
    )
    assert settings.kafka.bootstrap_servers == "broker:9092"
    assert settings.postgres.dsn.get_secret_value() == DSN
    assert (settings.port, settings.inner.items, settings.postgres.pool_size) == (5002, 7, 3)
    assert settings.trusted_network
    assert settings.log.level == "debug"


def test_the_services_own_name_goes_over_the_global_one() -> None:
    settings = MillSettings.from_env(ENOUGH | {"FEEDMILL_API__KAFKA__BOOTSTRAP_SERVERS": "other:9092"})
    assert settings.kafka.bootstrap_servers == "other:9092"


@pytest.mark.parametrize("name", ["FEEDMILL_API__PROT", "FEEDMILL_KAFKA_BOOTSTRAP", "FEEDMILL_APY__PORT"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        MillSettings.from_env(ENOUGH | {name: "1"})


def test_other_services_names_and_every_global_one_may_be_present() -> None:
    others = {"FEEDMILL_INGEST__ANYTHING": "1", "FEEDMILL_FEED_WRITER__SINK": "postgres", "PATH": "/bin"}
    unused = {name: "1" for name in GLOBAL_NAMES if name.startswith(("FEEDMILL_TEST", "FEEDMILL_FAIL", "FEEDMILL_HO"))}
    assert MillSettings.from_env(ENOUGH | others | unused).port == 5002


def test_what_is_missing_is_named_as_the_environment_names_it() -> None:
    with pytest.raises(SettingsError) as refused:
        MillSettings.from_env({})
    for name in ENOUGH:
        assert name in str(refused.value)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "dsn"
    secret.write_text(DSN + "\n")
    without = {name: value for name, value in ENOUGH.items() if "DSN" not in name}
    settings = MillSettings.from_env(without | {"FEEDMILL_POSTGRES_DSN_FILE": str(secret)})
    assert settings.postgres.dsn.get_secret_value() == DSN


def test_a_value_given_twice_or_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both given"):
        MillSettings.from_env(ENOUGH | {"FEEDMILL_POSTGRES_DSN_FILE": "/nowhere"})
    without = {name: value for name, value in ENOUGH.items() if "DSN" not in name}
    with pytest.raises(SettingsError, match="cannot read the file"):
        MillSettings.from_env(without | {"FEEDMILL_POSTGRES_DSN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("given", ["hunter2", "host=db password=hunter2", "http://hunter2", "postgresql:/hunter2"])
def test_an_address_that_no_client_could_read_is_refused_by_its_name(given: str) -> None:
    with pytest.raises(SettingsError) as refused:
        MillSettings.from_env(ENOUGH | {"FEEDMILL_POSTGRES_DSN": given})
    assert str(refused.value) == "FEEDMILL_POSTGRES_DSN: must be postgresql://user:password@host:port/database"


def test_no_value_is_in_an_error_nor_in_the_settings_text() -> None:
    with pytest.raises(SettingsError) as refused:
        MillSettings.from_env(ENOUGH | {"FEEDMILL_API__PORT": "hunter2"})
    assert "FEEDMILL_API__PORT" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(MillSettings.from_env(ENOUGH))


def test_the_environment_is_not_read_behind_the_callers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_API__INNER__ITEMS", "9")
    assert MillSettings.from_env(ENOUGH).inner.items == 3
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    assert MillSettings.from_env().inner.items == 9
