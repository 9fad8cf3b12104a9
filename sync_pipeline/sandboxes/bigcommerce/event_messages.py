"""What the control API takes and gives about events: the mischief, and the counts."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]


class EventSettings(msgspec.Struct, forbid_unknown_fields=True):
    """How events are sent. The shares (0 to 1) are of deliveries, one for each event and hook, drawn from ``seed``.

    A delayed delivery is held for up to ``delay_seconds`` of real time, so that later ones overtake it. The waits
    before retries are multiplied by ``retry_factor``; they run by the sandbox's clock. With more than one of the
    ``workers`` deliveries overlap and their order is open.
    """

    duplicated: Share = 0.0
    dropped: Share = 0.0
    delayed: Share = 0.0
    delay_seconds: Seconds = 0.5
    seed: int = 0
    retry_factor: Annotated[float, Meta(ge=0)] = 1.0
    timeout_seconds: Annotated[float, Meta(gt=0)] = 10.0
    workers: Annotated[int, Meta(ge=1, le=64)] = 1


class EventsView(msgspec.Struct):
    """What became of a store's events.

    ``events``: all that happened, also those for which there is no hook. ``deliveries``: one for each event and hook.
    ``dropped`` were never sent, ``duplicated`` sent twice, ``delayed`` held. ``sent`` are attempts, each ``delivered``
    (answered 2xx) or ``failed``. ``held_back``: not attempted, as the domain was blocked. ``given_up``: all retries
    failed, the hook is inactive. ``discarded``: not sent, as the hook was inactive or gone. ``queued`` will be
    attempted at once, ``retrying`` when the clock says so.
    """

    counted: ClassVar[tuple[str, ...]] = (
        "events", "deliveries", "dropped", "duplicated", "delayed", "sent", "delivered", "failed", "held_back",
        "given_up", "discarded",
    )  # fmt: skip

    events: int
    deliveries: int
    dropped: int
    duplicated: int
    delayed: int
    sent: int
    delivered: int
    failed: int
    held_back: int
    given_up: int
    discarded: int
    queued: int
    retrying: int
    blocked_domains: list[str]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be sent, now or later."""
        return self.queued == 0 and self.retrying == 0
