"""A real shop's data, which lies beside the project; the tests that use it are skipped by name when it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"
REAL_SHOP = SHARED / "stores" / "venia"


def real_shop() -> Path:
    """The folder of the real shop. Skips the test that asks when the folder is absent."""
    if not REAL_SHOP.is_dir():
        pytest.skip("../shared/stores/venia is not there")
    return REAL_SHOP
