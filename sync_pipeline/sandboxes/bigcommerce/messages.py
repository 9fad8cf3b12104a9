"""What the control API takes and gives: the words that its server and its client share."""

from typing import Literal

import msgspec

from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus
from sync_pipeline.sandboxes.kit.faults import FaultKind

RecordKind = Literal["products", "categories", "brands", "pages", "posts", "trees", "sites"]


class StoreOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A store to open. ``folder`` has its hash in its `store.json`; the sizes are for a generated one."""

    kind: Literal["demo", "generated", "folder"]
    hash: str = "demo"
    token: str = ""
    folder: str = ""
    seed: int = 1
    products: int = 1000
    pages: int = 12
    posts: int = 40


class StoreChange(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What to set; None leaves as it is. ``quota`` is requests per ``window`` seconds."""

    token: str | None = None
    scopes: list[str] | None = None
    status: StoreStatus | None = None
    quota: int | None = None
    window: float | None = None
    bare_429: bool | None = None
    client_secret: str | None = None


class StoreView(msgspec.Struct):
    """A store as the control API shows it, without its token."""

    hash: str
    name: str
    status: StoreStatus
    scopes: list[str]
    quota: int
    window: float
    bare_429: bool
    products: int


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A fault to inject; the fields are those of faults.Fault."""

    kind: FaultKind
    path: str = "*"
    count: int | None = None
    probability: float = 1.0
    after: int = 0
    seed: int = 0
    seconds: float = 0.0
    items: int = 0


class FaultView(FaultOrder):
    """An injected fault: how many requests matched its path, and how many it struck."""

    id: int = 0
    matched: int = 0
    applied: int = 0


class CountersView(msgspec.Struct):
    """Requests by path template and outcome (a status, or ``cut``, ``truncated``, ``html``).

    ``busiest_window`` is the most requests seen in one rate window, refused ones included; ``rate_limited`` how many
    were refused for it.
    """

    requests: dict[str, dict[str, int]]
    busiest_window: int
    rate_limited: int

    def total(self, template: str = "") -> int:
        """How many requests there were, of one template or in all."""
        chosen = self.requests.values() if not template else [self.requests.get(template, {})]
        return sum(sum(outcomes.values()) for outcomes in chosen)


class QuotaUse(msgspec.Struct, forbid_unknown_fields=True):
    """Requests that other apps made."""

    requests: int


class ClockMove(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds to move the sandbox's clock forward."""

    advance: float
