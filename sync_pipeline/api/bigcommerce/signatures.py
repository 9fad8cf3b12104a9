"""BigCommerce's signature of a webhook (Standard Webhooks), looked at but never enforced.

BigCommerce documents neither that every hook is signed nor that a retry hours later has a fresh timestamp; refusing
would lose events. Source: docs ``docs/integrations/webhooks/https-webhook-overview.mdx``: the key is
base64(client_secret), which the library decodes; it also takes the plain bytes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from standardwebhooks import Webhook, WebhookVerificationError

from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

log = Log("sync_pipeline.api")


class SignatureWatch:
    """Counts missing and wrong signatures by store, and logs each count that is a power of two: never a flood."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def look(self, store_hash: str, client_secret: bytes, body: bytes, headers: Mapping[str, str]) -> None:
        """Looks at the signature of one webhook."""
        sent = {name: headers[name] for name in HEADERS if name in headers}
        if len(sent) < len(HEADERS):
            self._count(store_hash, "missing")
            return
        try:
            Webhook(client_secret).verify(body, sent, json_parse=False)
        except (WebhookVerificationError, ValueError):
            self._count(store_hash, "wrong")

    def _count(self, store_hash: str, what: str) -> None:
        self.counts[store_hash, what] += 1
        count = self.counts[store_hash, what]
        if count & (count - 1) == 0:
            log.warning("webhook signature", store=store_hash, signature=what, count=count)
