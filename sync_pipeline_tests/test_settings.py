"""Settings keep what is secret to themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sync_pipeline.settings import Settings, SettingsError, load_settings

SECRET = "a-word-that-must-not-show"


@pytest.mark.invariant("7.5")
def test_the_representation_shows_no_secret():
    settings = Settings.model_validate(
        {
            "database_url": f"postgresql://me:{SECRET}@127.0.0.1/x",
            "dagster_database_url": f"postgresql://me:{SECRET}@127.0.0.1/x",
            "elasticsearch_url": f"https://me:{SECRET}@127.0.0.1:9200",
            "elasticsearch_api_key": SECRET,
            "sync_pipeline_secret_keys": SECRET,
        }
    )
    assert settings.database_url is not None
    assert SECRET in settings.database_url
    assert SECRET not in repr(settings) + str(settings)


@pytest.mark.invariant("7.5")
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", f"postgresql://me:Zq9@{SECRET}@127.0.0.1/x", "%40"),
        ("DAGSTER_DATABASE_URL", f"postgresql://me:Zq9@{SECRET}@127.0.0.1/x", "%40"),
        ("DATABASE_URL", f"postgresql://me:{SECRET}/x", "port that is no number"),
        ("DATABASE_URL", f"postgresql://me:Zq9@ss:{SECRET}@127.0.0.1/x", "port that is no number"),
        ("DAGSTER_DATABASE_URL", f"postgresql://me:Zq9@ss/{SECRET}@127.0.0.1/x", "%40"),
        ("ELASTICSEARCH_URL", f"https://me:12#{SECRET}@127.0.0.1:9", "%23"),
        ("ELASTICSEARCH_URL", f"https://me:12?{SECRET}@127.0.0.1:9", "%3F"),
        ("ELASTICSEARCH_URL", f"https://me:12/{SECRET}@127.0.0.1:9", "%40"),
        ("ELASTICSEARCH_URL", f"https://me:{SECRET}", "port"),
        ("BIGCOMMERCE_API_URL", f"https://me:{SECRET}@127.0.0.1", "user or password"),
        ("ELASTICSEARCH_API_KEY", f"{SECRET}\nX-Other: y", "header"),
    ],
)
def test_malformed_secret_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} .*{told}") as refused:
        load_settings()
    assert SECRET not in str(refused.value)


@pytest.mark.invariant("7.5")
def test_password_of_digits_is_not_told_as_a_port(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:9876543210/x")
    with pytest.raises(SettingsError, match="DATABASE_URL has a port that is none") as refused:
        load_settings()
    assert "9876543210" not in str(refused.value)


@pytest.mark.parametrize("name", ["SYNC_PIPELINE_STATE_DIR", "ELASTICSEARCH_CA_CERTS"])
def test_home_of_an_absent_user_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "~no-such-user/x")
    with pytest.raises(SettingsError, match=f"{name} begins with ~"):
        load_settings()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
def test_dotenv_file_that_is_not_utf8_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str):
    (tmp_path / ".env").write_text("LOG_LEVEL=INFO # für alle\n", encoding=encoding)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"\.env is not in UTF-8"):
        load_settings()


def test_working_directory_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="the working directory is gone"):
        load_settings()
    os.chdir(tmp_path)
