"""Which shop commands of a folder ask: that of their settings, of the running `dev`, or of an ended one's sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipeline.local.engines import Engines
from sync_pipeline.local.exclusive import exclusive
from sync_pipeline.local.folder import SHOP, shop_here
from sync_pipeline.settings import Settings, load_settings
from sync_pipeline_tests.local.small_services import listening


@pytest.fixture
def given(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a folder in which nothing but the state directory is set."""
    monkeypatch.delenv("BIGCOMMERCE_API_URL", raising=False)
    monkeypatch.setenv("SYNC_PIPELINE_STATE_DIR", str(state_dir))
    return load_settings()


def test_shop_is_the_one_that_the_running_dev_uses(given: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert shop_here(given) is None
    with Engines.open(given.state_dir, owner="ended dev", idle=900) as engines:
        left_over = f"http://127.0.0.1:{engines.run(listening(SHOP, tmp_path / 'lives'))}"
        assert shop_here(given) == left_over
        with exclusive(given.state_dir, "dev") as dev:
            assert shop_here(given) == left_over  # not yet told
            dev.announce(bigcommerce="http://127.0.0.1:9/api")
            dev.announce(address="http://127.0.0.1:3000")
            assert shop_here(given) == "http://127.0.0.1:9/api"
            monkeypatch.setenv("BIGCOMMERCE_API_URL", "http://127.0.0.1:8")
            assert shop_here(load_settings()) is None
        assert shop_here(given) == left_over
