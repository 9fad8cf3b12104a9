"""Settings keep what is secret to themselves."""

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
        ("ELASTICSEARCH_API_KEY", f"{SECRET}\nX-Other: y", "header"),
    ],
)
def test_malformed_secret_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} .*{told}") as refused:
        load_settings()
    assert SECRET not in str(refused.value)
