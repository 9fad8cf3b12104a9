"""`/v3/hooks…`: list, create, change and delete webhooks. They need no scope.

What BigCommerce answers to a second hook of the same scope and destination is not documented; here it is 409.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sync_pipeline.sandboxes.bigcommerce.calls import PAGING, Call, one, page_of
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError
from sync_pipeline.sandboxes.bigcommerce.hooks import CLIENT_ID

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.answers import Answer
    from sync_pipeline.sandboxes.bigcommerce.hooks import Hook

T = TypeVar("T")


class _Order(msgspec.Struct):
    scope: str
    destination: str
    is_active: bool = True
    headers: dict[str, str] | None = None


class _Change(msgspec.Struct):
    scope: str | msgspec.UnsetType = msgspec.UNSET
    destination: str | msgspec.UnsetType = msgspec.UNSET
    is_active: bool | msgspec.UnsetType = msgspec.UNSET
    headers: dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET


def hooks(call: Call) -> Answer:
    """Answers `GET /v3/hooks`."""
    call.query.allow((*PAGING, "is_active", "scope", "destination"))
    found = list(call.store.hooks.by_id.values())
    active = call.query.flag("is_active")
    if active is not None:
        found = [hook for hook in found if hook.is_active == active]
    for name in ("scope", "destination"):
        wanted = call.query.values.get(name)
        found = [hook for hook in found if wanted is None or getattr(hook, name) == wanted]
    return page_of(call, call.cut(found), lambda hook: _shown(call, hook))


def create_hook(call: Call) -> Answer:
    """Answers `POST /v3/hooks`."""
    return one(_shown(call, call.store.hooks.create(msgspec.structs.asdict(_read(call, _Order)), int(call.now))))


def hook(call: Call) -> Answer:
    """Answers `GET /v3/hooks/{id}`."""
    return one(_shown(call, call.store.hooks.get(call.numbers["id"])))


def change_hook(call: Call) -> Answer:
    """Answers `PUT /v3/hooks/{id}`: overwrites the fields that the body names; ``is_active`` brings a hook back."""
    given = msgspec.structs.asdict(_read(call, _Change))
    fields = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    return one(_shown(call, call.store.hooks.change(call.numbers["id"], fields, int(call.now))))


def delete_hook(call: Call) -> Answer:
    """Answers `DELETE /v3/hooks/{id}`: the hook as it was."""
    return one(_shown(call, call.store.hooks.delete(call.numbers["id"])))


def _shown(call: Call, hook: Hook) -> dict[str, Any]:
    return {**asdict(hook), "client_id": CLIENT_ID, "store_hash": call.store.catalog.hash}


def _read(call: Call, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(call.body, type=kind)
    except msgspec.DecodeError as error:
        raise ApiError(422, "JSON data is missing or invalid", errors={"body": str(error)}) from None
