"""The part of the control API that is about events: what a store tells of itself, mischief, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce import events
from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings
from sync_pipeline.sandboxes.kit.control import body_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
    from sync_pipeline.sandboxes.bigcommerce.store import Store
    from sync_pipeline.sandboxes.kit.control import Table


class EventAdmin:
    """The handlers. Each returns what is answered as JSON."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def table(self, store: str) -> Table:
        """Method, path and handler of each; ``store`` is the path of one store."""
        return [
            ("PATCH", store + "/info", self.change_info),
            ("PUT", store + "/events", self.configure),
            ("GET", store + "/events", self.view),
            ("DELETE", store + "/events", self.reset),
        ]

    async def change_info(self, request: Request) -> Any:
        """Overwrites fields of `/v2/store` and tells of it, whichever they are (BigCommerce: name and address only)."""
        store, body = self._store(request), await body_of(request, dict[str, Any])
        info = store.catalog.info
        new = {**info, **body, "id": info["id"], "store_id": info["store_id"]}
        if new != info:
            info.update(new)
            store.outbox.announce(events.information_updated())
        return info

    async def configure(self, request: Request) -> Any:
        """Sets how events are sent; what is not given returns to its default."""
        store, settings = self._store(request), await body_of(request, EventSettings)
        store.outbox.configure(settings)
        return settings

    async def view(self, request: Request) -> Any:
        """Returns the counts."""
        return self._store(request).outbox.view()

    async def reset(self, request: Request) -> Any:
        """Starts counting again."""
        self._store(request).outbox.reset_counts()
        return {}

    def _store(self, request: Request) -> Store:
        return self._sandbox.store(request.path_params["tenant"])
