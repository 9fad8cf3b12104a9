"""The webhooks of a store at BigCommerce: which it shall have, made and kept so, and what a gap in them asks for.

What belongs here: scopes, destination and secret header of our hooks. What does not: what events mean (scopes.py),
taking them in (api/), and HTTP to BigCommerce (connectors).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sync_pipeline.addresses import is_loopback
from sync_pipeline.batches.requests import Mode, Trigger
from sync_pipeline.batches.states import Status
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.hooks import HookOrder, Hooks
from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.events.scopes import CHANNEL_SCOPES, STORE_SCOPES, channel_of
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import PIPELINE, BatchType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
    from sync_pipeline.connectors.bigcommerce.hooks import Hook
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store

#: The header in which BigCommerce sends the store's webhook secret with every event.
SECRET_HEADER = "X-Sync-Secret"  # noqa: S105 a header's name
#: BigCommerce needs up to a minute until a hook is live; a batch that closes a gap begins after that.
LIVE_AFTER = timedelta(minutes=2)
HTTPS_PORT = 443
#: Every store has this channel, and every listing of channels (bigcommerce/docs, ``reference/channels.v3.yml``).
DEFAULT_CHANNEL = 1
#: Statuses (same source) of a channel that is still listed, and yet no more; archived and disconnected ones may return.
GONE = {"deleted", "terminated"}


@dataclass
class HookChanges:
    """What was done to a store's hooks, or would be: their scopes, by what happened to each.

    ``batch_id`` is the batch that was requested to make good what events were missed.
    """

    store_hash: str
    destination: str
    created: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    batch_id: int | None = None

    @property
    def has_gap(self) -> bool:
        """Whether events were, or may have been, missed."""
        return bool(self.created or self.repaired)


def desired(channels: Iterable[int]) -> list[str]:
    """Returns the scopes that a store with these channels shall have a hook of."""
    return [
        *STORE_SCOPES,
        *(scope.format(channel=channel) for channel in sorted({*channels}) for scope in CHANNEL_SCOPES),
    ]


def destination(pipeline: StoreSearch, store_hash: str, url: str) -> str:
    """Returns where a store's events go below the receiver's public address ``url``.

    Raises UsageError for one it cannot be.
    """
    base = url.rstrip("/")
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        raise UsageError(f"{url!r} is no URL: give the receiver's address, such as https://hooks.example.com") from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    public = parts.scheme == "https" and bool(parts.hostname) and port in {None, HTTPS_PORT}
    trying = is_loopback(str(pipeline.settings.bigcommerce_api_url)) and is_loopback(base)
    if not plain or not (public or trying):
        raise UsageError(
            f"{url!r} cannot receive webhooks: BigCommerce sends to https on port 443 only, "
            "such as https://hooks.example.com"
        )
    return _place(base, store_hash)


async def register(pipeline: StoreSearch, store: Store, url: str, *, dry_run: bool = False) -> HookChanges:
    """Creates, reactivates and repairs the store's hooks, so that its events come to ``url``, and keeps ``url``.

    Those of an earlier address and of channels that are gone are removed. Raises UsageError for a URL that cannot be
    one.
    """
    place = destination(pipeline, store.hash, url)
    async with pipeline.client(store) as client:
        plan = await _plan(client, store.hash, place, _secret(pipeline, store))
        if not dry_run:
            await _carry_out(pipeline, store, client, plan)
        former = _place(store.webhook_url or url, store.hash)
        moved = [hook for hook in plan.found if hook.destination == former != place]
        await _delete(client, plan.changes, [*plan.surplus, *moved], dry_run=dry_run)
    if not dry_run:
        await asyncio.to_thread(pipeline.stores.set_webhook_url, store.hash, url.rstrip("/"))
    return plan.changes


async def listed(pipeline: StoreSearch, store: Store) -> Sequence[Hook]:
    """Returns every hook that the store's token sees, ours or not."""
    async with pipeline.client(store) as client:
        return await Hooks(client).all()


async def remove(pipeline: StoreSearch, store: Store, url: str | None = None, *, dry_run: bool = False) -> HookChanges:
    """Deletes our hooks, those with our destination, and forgets the URL; others are left alone."""
    known = url or store.webhook_url
    if known is None:
        raise UsageError(f"store {store.hash} has no webhooks registered: give --url to remove those of an address")
    place = _place(known, store.hash)
    changes = HookChanges(store.hash, place)
    async with pipeline.client(store) as client:
        ours = [hook for hook in await Hooks(client).all() if hook.destination == place]
        await _delete(client, changes, ours, dry_run=dry_run)
    if not dry_run and known.rstrip("/") == store.webhook_url:
        await asyncio.to_thread(pipeline.stores.set_webhook_url, store.hash, None)
    return changes


async def restore(pipeline: StoreSearch, store: Store, *, dry_run: bool = False) -> HookChanges:
    """Puts right what became of the store's hooks; after a gap a full batch makes good the events that were missed.

    The batch is requested first: whatever stops this, the gap is closed. Hooks of channels that are gone leave none.
    A store without registered hooks is left so.
    """
    if store.webhook_url is None:
        return HookChanges(store.hash, "")
    place = destination(pipeline, store.hash, store.webhook_url)
    async with pipeline.client(store) as client:
        plan = await _plan(client, store.hash, place, _secret(pipeline, store))
        if plan.changes.has_gap and not dry_run:
            plan.changes.batch_id = await asyncio.to_thread(_request_batch, pipeline, store.hash)
            await _carry_out(pipeline, store, client, plan)
        await _delete(client, plan.changes, plan.surplus, dry_run=dry_run)
    return plan.changes


@dataclass(frozen=True)
class _Plan:
    changes: HookChanges
    found: list[Hook]
    #: The hooks to repair by number, with their scopes.
    repairs: dict[int, str]
    #: Our hooks of channels that are gone.
    surplus: list[Hook]


async def _plan(client: BigCommerceClient, store_hash: str, place: str, secret: str | None) -> _Plan:
    """Returns what the store's hooks need. Without a secret none of them is as it shall be."""
    found = await Hooks(client).all()
    ours = {hook.scope: hook for hook in found if hook.destination == place}
    channels = await _channels(client)
    plan = _Plan(HookChanges(store_hash, place), found, {}, _surplus(ours.values(), channels))
    for scope in desired(number for number in channels if number is not None):
        hook = ours.get(scope)
        if hook is None:
            plan.changes.created.append(scope)
        elif secret is not None and _order(scope, place, secret).is_met_by(hook):
            plan.changes.unchanged.append(scope)
        else:
            plan.changes.repaired.append(scope)
            plan.repairs[hook.id] = scope
    return plan


def _surplus(ours: Iterable[Hook], channels: Collection[int | None]) -> list[Hook]:
    """Returns the hooks of channels that are not listed.

    None when the listing cannot be believed to have every channel.
    """
    if DEFAULT_CHANNEL not in channels or None in channels:
        return []
    return [hook for hook in ours if channel_of(hook.scope) not in {None, *channels}]


async def _carry_out(pipeline: StoreSearch, store: Store, client: BigCommerceClient, plan: _Plan) -> None:
    secret, place = await asyncio.to_thread(pipeline.stores.webhook_secret, store.hash), plan.changes.destination
    hooks = Hooks(client)
    for number, scope in plan.repairs.items():
        await hooks.update(number, _order(scope, place, secret))
    for scope in plan.changes.created:
        await hooks.create(_order(scope, place, secret))


async def _delete(client: BigCommerceClient, changes: HookChanges, gone: Iterable[Hook], *, dry_run: bool) -> None:
    for hook in gone:
        if not dry_run:
            await Hooks(client).delete(hook.id)
        changes.removed.append(hook.scope)


async def _channels(client: BigCommerceClient) -> list[int | None]:
    """Returns the numbers of the channels that the store has; None for a record that does not even tell its number."""

    async def no_version() -> int:
        return 0  # channels are read, never written

    pages = [page async for page in Catalog(client, next_version=no_version).channels()]
    listed = [channel for page in pages for channel in page.records]
    return [one.id for one in listed if isinstance(one, MalformedRecord) or one.status not in GONE]


def _request_batch(pipeline: StoreSearch, store_hash: str) -> int:
    """Returns the full batch that closes the gap: one that waits already, or a new one."""
    waiting = pipeline.ledger.list(scope=store_scope(store_hash), status=Status.PENDING)
    whole = (PIPELINE, BatchType.ALL.value, Mode.FULL.value)
    for batch in waiting:
        is_whole = (batch.pipeline, batch.type, batch.mode) == whole and not batch.dry_run
        if is_whole and batch.dagster_run_id is None:
            return batch.id
    attempts = 1 + pipeline.settings.sync_pipeline_retries
    request = store_request(store_hash, BatchType.ALL, trigger=Trigger.WEBHOOK, delay=LIVE_AFTER, max_attempts=attempts)
    return pipeline.ledger.request(request).id


def _place(url: str, store_hash: str) -> str:
    return f"{url.rstrip('/')}/webhooks/bigcommerce/{store_hash}"


def _secret(pipeline: StoreSearch, store: Store) -> str | None:
    return pipeline.stores.secret(store, "webhook_secret")


def _order(scope: str, place: str, secret: str) -> HookOrder:
    return HookOrder(scope, place, {SECRET_HEADER: secret})
