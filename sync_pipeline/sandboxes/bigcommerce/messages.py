"""What the control API takes and gives beyond the kit's: the words that its server and its client share."""

from typing import Literal

import msgspec

from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus
from sync_pipeline.sandboxes.kit.messages import CountersView

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


class StoreCounters(CountersView):
    """What was asked of a store.

    ``busiest_window`` is the most requests seen in one rate window, refused ones included; ``rate_limited`` how many
    were refused for it.
    """

    busiest_window: int
    rate_limited: int


class QuotaUse(msgspec.Struct, forbid_unknown_fields=True):
    """Requests that other apps made."""

    requests: int
