"""The webhooks of one store: which there are, the rules of their making, and which of them an event goes to.

State only. HTTP is hook_endpoints' business, what happens when is events', sending is outbox's. As a sandbox it sends
to loopback addresses only; BigCommerce itself takes https on port 443 and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.addresses import is_loopback
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError

#: How many hooks of one scope a store may have.
MOST_OF_ONE_SCOPE = 10
CLIENT_ID = "sandbox"
_SCOPE = re.compile(r"store/(?:[A-Za-z0-9]+/)*(?:[A-Za-z]+|\*)")


@dataclass(slots=True)
class Hook:
    """One webhook; ``headers`` are sent along with each of its events."""

    id: int
    scope: str
    destination: str
    headers: dict[str, str] | None
    is_active: bool
    created_at: int
    updated_at: int

    def takes(self, scope: str) -> bool:
        """Returns whether an event of ``scope`` goes to it: its own scope, or one below its wildcard."""
        return self.is_active and (self.scope == scope or (self.scope[-1] == "*" and scope.startswith(self.scope[:-1])))


@dataclass(slots=True)
class Hooks:
    """The hooks by number, which is never given twice."""

    by_id: dict[int, Hook] = field(default_factory=dict)
    #: The highest number that was given.
    last_id: int = 0

    def get(self, number: int) -> Hook:
        """Returns one hook; raises ApiError 404."""
        try:
            return self.by_id[number]
        except KeyError:
            raise ApiError(404) from None

    def create(self, fields: dict[str, Any], now: int) -> Hook:
        """Returns a new hook; raises ApiError 422 for what no hook can be, 409 for one that there is already."""
        hook = Hook(id=0, created_at=now, updated_at=now, **fields)
        self._check(hook)
        self.last_id += 1
        hook.id = self.last_id
        self.by_id[hook.id] = hook
        return hook

    def change(self, number: int, fields: dict[str, Any], now: int) -> Hook:
        """Overwrites the given fields; raises ApiError as ``create``, nothing changed."""
        old = self.get(number)
        kept = {"scope": old.scope, "destination": old.destination, "headers": old.headers, "is_active": old.is_active}
        self._check(Hook(id=number, created_at=old.created_at, updated_at=now, **{**kept, **fields}))
        for name, value in fields.items():
            setattr(old, name, value)
        old.updated_at = now
        return old

    def delete(self, number: int) -> Hook:
        """Takes a hook away; what still waits to be sent to it is not sent any more."""
        hook = self.get(number)
        hook.is_active = False
        return self.by_id.pop(number)

    def forget_all(self) -> None:
        """Uninstalling the app deletes its hooks; what was on its way still goes out."""
        self.by_id.clear()

    def for_event(self, scope: str) -> list[Hook]:
        """Returns the hooks that an event of ``scope`` goes to, oldest first."""
        return [hook for hook in self.by_id.values() if hook.takes(scope)]

    def _check(self, hook: Hook) -> None:
        if not _SCOPE.fullmatch(hook.scope):
            raise _refused("scope", "is not a scope")
        if not is_loopback(hook.destination):
            raise _refused("destination", "must be a loopback address: the sandbox sends nowhere else")
        others = [each for each in self.by_id.values() if each.scope == hook.scope and each.id != hook.id]
        if any(each.destination == hook.destination for each in others):
            raise ApiError(409, "A hook with this scope and destination already exists.", errors={})
        if len(others) >= MOST_OF_ONE_SCOPE:
            raise _refused("scope", f"has {MOST_OF_ONE_SCOPE} hooks already")


def _refused(name: str, reason: str) -> ApiError:
    return ApiError(422, "JSON data is missing or invalid", errors={name: reason})
