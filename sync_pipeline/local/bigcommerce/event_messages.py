"""What the control API takes and gives about events: the mischief, and the counts."""

from typing import ClassVar

import msgspec


class EventSettings(msgspec.Struct, forbid_unknown_fields=True):
    """How events are sent. The shares (0 to 1) are of deliveries, one for each event and hook, drawn from ``seed``.

    A delayed delivery is held for up to ``delay_seconds`` of real time, so that later ones overtake it. The waits
    before retries are multiplied by ``retry_factor``; they run by the sandbox's clock. With more than one of the
    ``workers`` deliveries overlap and their order is open.
    """

    duplicated: float = 0.0
    dropped: float = 0.0
    delayed: float = 0.0
    delay_seconds: float = 0.5
    seed: int = 0
    retry_factor: float = 1.0
    timeout_seconds: float = 10.0
    workers: int = 1


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
