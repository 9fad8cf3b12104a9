"""Verifying a shop from a test."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from sync_pipeline.delivery.verify import Verification
from sync_pipeline.pipelines.store_search.types import IMPORTS, Part
from sync_pipeline.pipelines.store_search.verify import verify_store
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


def verify(shop: Shop, *, clock: Any = None, **options: Any) -> dict[Part, Verification]:
    """Verifies the shop without waiting before second looks."""
    pipeline = replace(shop.pipeline, clock=clock or HurriedClock())
    store = pipeline.stores.get(shop.hash)
    return asyncio.run(verify_store(pipeline, store, options.pop("parts", IMPORTS), **options))


def differences(found: dict[Part, Verification]) -> dict[str, str]:
    """How the keys of the samples differ."""
    return {one["key"]: one["difference"] for verification in found.values() for one in verification.sample}
