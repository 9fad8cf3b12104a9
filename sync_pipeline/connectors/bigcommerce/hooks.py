"""A store's webhooks: list, create, update, delete. What each is for is the pipelines' business.

Source: bigcommerce/docs, ``reference/webhooks.v3.yml``: a token sees only the hooks that it made, and of one scope and
destination there is one. So a creation that was refused, or whose answer was lost, may still have made its hook.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from sync_pipeline.connectors.bigcommerce.answers import v3_page
from sync_pipeline.connectors.bigcommerce.collection import Collection, read_collection
from sync_pipeline.connectors.bigcommerce.errors import NotFoundError, RefusedError
from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord, RecordReader
from sync_pipeline.connectors.bigcommerce.request import Request
from sync_pipeline.connectors.bigcommerce.scopes import Scope

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient

PATH = "/v3/hooks"
T = TypeVar("T")


class Hook(msgspec.Struct, frozen=True):
    """A webhook as BigCommerce has it. It becomes inactive when deliveries failed for two days."""

    id: int
    scope: str
    destination: str
    is_active: bool = False
    # An empty object can come as [] from the service's PHP parts.
    headers: dict[str, Any] | list[Any] | None = None

    def header(self, name: str) -> str | None:
        """Returns the value that is sent in the header ``name``, in whichever case it is kept."""
        sent = self.headers if isinstance(self.headers, dict) else {}
        return next((str(value) for key, value in sent.items() if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class HookOrder:
    """A webhook as it shall be, active. ``headers`` are sent with each event and may be secret."""

    scope: str
    destination: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def is_met_by(self, hook: Hook) -> bool:
        """Returns whether ``hook`` is as ordered."""
        kept = all(hook.header(name) == value for name, value in self.headers.items())
        return hook.is_active and kept and (hook.scope, hook.destination) == (self.scope, self.destination)


class _Answer(msgspec.Struct, Generic[T]):
    data: T


class Hooks:
    """The webhooks that the client's token made. All methods raise the errors of ``BigCommerceClient.get``."""

    def __init__(self, client: BigCommerceClient) -> None:
        self._client = client

    async def all(self) -> list[Hook]:
        """Returns every hook, inactive ones included. Raises IncompleteListingError."""
        total = Request(PATH, Scope.INFORMATION, lambda body: v3_page(body).total or 0, {"limit": 1})
        hooks = Collection("webhooks", PATH, Scope.INFORMATION, RecordReader(Hook), total=total)
        pages = await read_collection(self._client, hooks, _no_version)
        return [hook for page in pages for hook in page.records if not isinstance(hook, MalformedRecord)]

    async def create(self, order: HookOrder) -> Hook:
        """Returns a new hook, or the one that is there already, made to be as ordered."""
        try:
            return await self._client.get(_writing("POST", PATH, order))
        except RefusedError:
            alike = [hook for hook in await self.all() if _same_place(hook, order)]
            if not alike:
                raise
        return alike[0] if order.is_met_by(alike[0]) else await self.update(alike[0].id, order)

    async def update(self, number: int, order: HookOrder) -> Hook:
        """Makes a hook as ordered and active. Raises NotFoundError if it is gone."""
        return await self._client.get(_writing("PUT", f"{PATH}/{number}", order))

    async def delete(self, number: int) -> None:
        """Deletes a hook; one that is gone already is fine."""
        path = f"{PATH}/{number}"
        try:
            await self._client.get(Request(path, Scope.INFORMATION, lambda _: None, method="DELETE"))
        except NotFoundError:
            return


def _writing(method: str, path: str, order: HookOrder) -> Request[Hook]:
    body = msgspec.json.encode({**asdict(order), "is_active": True})
    decode = msgspec.json.Decoder(_Answer[Hook]).decode
    return Request(
        path,
        _needed_scope(order.scope),
        lambda answer: decode(answer).data,
        method=method,
        body=body,
        secrets=tuple(order.headers.values()),
    )


def _needed_scope(event_scope: str) -> Scope:
    """Returns the OAuth scope of what the events are about, which a token needs to hear of them."""
    words = event_scope.split("/")
    if "page" in words:
        return Scope.CONTENT
    return Scope.PRODUCTS if {"product", "sku", "category", "categoryTree"} & {*words} else Scope.INFORMATION


def _same_place(hook: Hook, order: HookOrder) -> bool:
    return (hook.scope, hook.destination) == (order.scope, order.destination)


async def _no_version() -> int:
    """Returns 0: hooks are no records that are written anywhere."""
    return 0
