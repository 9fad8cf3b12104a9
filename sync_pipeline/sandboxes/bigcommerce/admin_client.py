"""The control API from Python: open stores, change them, make trouble, look at what was asked. Synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
import msgspec

from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings, EventsView
from sync_pipeline.sandboxes.bigcommerce.messages import (
    CountersView,
    FaultOrder,
    FaultView,
    QuotaUse,
    RecordKind,
    StoreChange,
    StoreOrder,
    StoreView,
)
from sync_pipeline.sandboxes.kit.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus

TIMEOUT_SECONDS = 30.0
T = TypeVar("T")


class SandboxAdmin:
    """A client of the control API at ``base_url``. Every method raises httpx.HTTPStatusError for a refusal."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/_sandbox",
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            # A kept connection may be closed by the server in the moment of its next use.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def health(self) -> list[str]:
        """The hashes of the stores that are served; raises httpx.ConnectError where nothing listens."""
        return self._ask("GET", "/health", dict[str, Any])["stores"]

    def stores(self) -> list[StoreView]:
        """Every store."""
        return self._ask("GET", "/stores", list[StoreView])

    def open_demo(self, store_hash: str = "demo", *, token: str = "") -> StoreView:
        """Opens the demonstration shop; its token is ``<hash>-token`` unless one is given."""
        return self._open(StoreOrder(kind="demo", hash=store_hash, token=token))

    def open_generated(
        self, store_hash: str, *, seed: int = 1, products: int = 1000, pages: int = 12, posts: int = 40, token: str = ""
    ) -> StoreView:
        """Opens a generated store; its token is ``<hash>-token`` unless one is given."""
        order = StoreOrder("generated", store_hash, token, seed=seed, products=products, pages=pages, posts=posts)
        return self._open(order)

    def open_folder(self, folder: Path, *, token: str = "") -> StoreView:
        """Opens the store in ``folder``, under the hash in its `store.json`."""
        return self._open(StoreOrder(kind="folder", folder=str(folder.absolute()), token=token))

    def configure(
        self,
        store_hash: str,
        *,
        token: str | None = None,
        scopes: Iterable[str] | None = None,
        status: StoreStatus | None = None,
        quota: int | None = None,
        window: float | None = None,
        bare_429: bool | None = None,
        client_secret: str | None = None,
    ) -> StoreView:
        """Sets what is given: ``quota`` requests per ``window`` seconds; ``bare_429`` keeps rate headers off a 429.

        A status of uninstalled is told by an event, and deletes the hooks; with a ``client_secret`` events are signed.
        """
        wanted = None if scopes is None else list(scopes)
        change = StoreChange(token, wanted, status, quota, window, bare_429, client_secret)
        return self._ask("PATCH", f"/stores/{store_hash}", StoreView, change)

    def close_store(self, store_hash: str) -> None:
        """Forgets a store."""
        self._ask("DELETE", f"/stores/{store_hash}", dict)

    def create(self, store_hash: str, kind: RecordKind, body: dict[str, Any]) -> dict[str, Any]:
        """Adds a record from a partial one; the whole record, with its number."""
        return self._ask("POST", f"/stores/{store_hash}/records/{kind}", dict[str, Any], body)

    def update(self, store_hash: str, kind: RecordKind, number: int, body: dict[str, Any]) -> dict[str, Any]:
        """Overwrites fields; a product's `date_modified` becomes the sandbox's present unless ``body`` names it."""
        return self._ask("PATCH", f"/stores/{store_hash}/records/{kind}/{number}", dict[str, Any], body)

    def delete(self, store_hash: str, kind: RecordKind, number: int) -> None:
        """Deletes a record; a category takes those below it along, a tree its categories."""
        self._ask("DELETE", f"/stores/{store_hash}/records/{kind}/{number}", dict)

    def create_variant(self, store_hash: str, product: int, body: dict[str, Any]) -> dict[str, Any]:
        """Adds a variant; the product's `date_modified` stays."""
        return self._ask("POST", f"/stores/{store_hash}/records/products/{product}/variants", dict[str, Any], body)

    def update_variant(self, store_hash: str, product: int, variant: int, body: dict[str, Any]) -> dict[str, Any]:
        """Overwrites fields of a variant; the product's `date_modified` stays."""
        path = f"/stores/{store_hash}/records/products/{product}/variants/{variant}"
        return self._ask("PATCH", path, dict[str, Any], body)

    def delete_variant(self, store_hash: str, product: int, variant: int) -> None:
        """Deletes a variant; the product's `date_modified` stays."""
        self._ask("DELETE", f"/stores/{store_hash}/records/products/{product}/variants/{variant}", dict)

    def inject(
        self,
        store_hash: str,
        kind: FaultKind,
        *,
        path: str = "*",
        count: int | None = None,
        probability: float = 1.0,
        after: int = 0,
        seed: int = 0,
        seconds: float = 0.0,
        items: int = 0,
    ) -> FaultView:
        """Makes requests whose path below the store matches the glob ``path`` suffer.

        The first ``after`` matching ones pass, then ``count`` suffer (None: all until cleared), each with
        ``probability`` drawn from ``seed``. ``seconds`` is the delay of latency and the waiting time that a 429 tells
        (0: what is left of the rate window); ``items`` is how much of the collection a short list has.
        """
        order = FaultOrder(FaultKind(kind), path, count, probability, after, seed, seconds, items)
        return self._ask("POST", f"/stores/{store_hash}/faults", FaultView, order)

    def faults(self, store_hash: str) -> list[FaultView]:
        """The injected faults, with how often each matched and struck."""
        return self._ask("GET", f"/stores/{store_hash}/faults", list[FaultView])

    def clear_faults(self, store_hash: str, number: int | None = None) -> None:
        """Takes one fault away, or all."""
        chosen = "" if number is None else f"?id={number}"
        self._ask("DELETE", f"/stores/{store_hash}/faults{chosen}", dict)

    def counters(self, store_hash: str) -> CountersView:
        """What was asked of the store since the last reset."""
        return self._ask("GET", f"/stores/{store_hash}/counters", CountersView)

    def reset_counters(self, store_hash: str) -> None:
        """Starts counting again."""
        self._ask("DELETE", f"/stores/{store_hash}/counters", dict)

    def change_info(self, store_hash: str, **fields: Any) -> dict[str, Any]:
        """Overwrites fields of what `/v2/store` answers, such as ``currency``; `store/information/updated` tells it."""
        return self._ask("PATCH", f"/stores/{store_hash}/info", dict[str, Any], fields)

    def configure_events(self, store_hash: str, settings: EventSettings) -> EventSettings:
        """Sets how the store's events are sent, and what goes wrong with them."""
        return self._ask("PUT", f"/stores/{store_hash}/events", EventSettings, settings)

    def events(self, store_hash: str) -> EventsView:
        """What became of the store's events since the last reset, and what still waits."""
        return self._ask("GET", f"/stores/{store_hash}/events", EventsView)

    def reset_events(self, store_hash: str) -> None:
        """Starts counting events again; what waits to be sent goes on waiting."""
        self._ask("DELETE", f"/stores/{store_hash}/events", dict)

    def use_quota(self, store_hash: str, requests: int) -> None:
        """Uses up some of the present window's quota, as other apps on the store do."""
        self._ask("POST", f"/stores/{store_hash}/other-apps", dict, QuotaUse(requests))

    def advance_clock(self, seconds: float) -> float:
        """Moves the sandbox's clock forward; the new present in epoch seconds."""
        return self._ask("POST", "/clock", dict[str, float], {"advance": seconds})["now"]

    def _open(self, order: StoreOrder) -> StoreView:
        return self._ask("POST", "/stores", StoreView, order)

    def _ask(self, method: str, path: str, answer: type[T], body: Any = None) -> T:
        content = None if body is None else msgspec.json.encode(body)
        response = self._http.request(method, path, content=content)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=answer)
