"""The daily check of all stores' webhooks: one store's trouble does not stop the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.pipelines.store_search.events import hooks

if TYPE_CHECKING:
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch


def check_all_hooks(pipeline: StoreSearch) -> dict[str, dict[str, Any]]:
    """Restores the hooks of every store that has them and still has the app.

    By store: how many were ``created``, ``repaired``, ``removed`` and ``unchanged`` and the ``batch_id`` requested for
    a gap, or the ``error`` in one line.
    """
    outcomes: dict[str, dict[str, Any]] = {}
    for store in pipeline.stores.list():
        if store.webhook_url is None or store.uninstalled_at is not None:
            continue
        try:
            done = asyncio.run(hooks.restore(pipeline, store))
        except SyncPipelineError as error:
            outcomes[store.hash] = {"error": one_line(error)}
            continue
        counts = {name: len(getattr(done, name)) for name in ("created", "repaired", "removed", "unchanged")}
        outcomes[store.hash] = {**counts, "batch_id": done.batch_id}
    return outcomes
