"""Shops for properties of whole batches."""

from sync_pipeline_tests.pipelines.store_search.conftest import instance, new_shop, pipeline, sandbox, shop

__all__ = ["instance", "new_shop", "pipeline", "sandbox", "shop"]
