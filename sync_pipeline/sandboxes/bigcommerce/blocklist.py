"""Which destinations BigCommerce does not send to for a while, because too many deliveries to them failed. Pure.

Source: bigcommerce/docs, ``docs/integrations/webhooks/https-webhook-overview.mdx``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOW_SECONDS = 120.0
BLOCKED_SECONDS = 180.0
#: Fewer deliveries in a window are not judged.
LEAST_DELIVERIES = 100
LEAST_SHARE_DELIVERED = 0.9


@dataclass(slots=True)
class _Window:
    began: float
    sent: int = 0
    delivered: int = 0
    blocked_until: float = 0.0


@dataclass(slots=True)
class Blocklist:
    """The deliveries of each domain (host and port) in its present window."""

    _windows: dict[str, _Window] = field(default_factory=dict)

    def blocks(self, domain: str, now: float) -> bool:
        """Returns whether nothing is sent to ``domain`` at present."""
        window = self._windows.get(domain)
        return window is not None and now < window.blocked_until

    def record(self, domain: str, now: float, *, delivered: bool) -> None:
        """Counts one delivery, and blocks the domain if too many failed."""
        window = self._windows.setdefault(domain, _Window(now))
        if now >= window.began + WINDOW_SECONDS:
            window = self._windows[domain] = _Window(now, blocked_until=window.blocked_until)
        window.sent += 1
        window.delivered += delivered
        if window.sent >= LEAST_DELIVERIES and window.delivered < LEAST_SHARE_DELIVERED * window.sent:
            self._windows[domain] = _Window(now, blocked_until=now + BLOCKED_SECONDS)

    def blocked(self, now: float) -> list[str]:
        """Returns the domains that are blocked."""
        return [domain for domain, window in self._windows.items() if now < window.blocked_until]
