"""Trying a call again: growing pauses, or those that the server asks for.

What belongs here: the vendor's transport with what it lacks. elastic-transport 9 tries again without any pause after an
answer such as 429 or 503, knows no ``Retry-After``, and nothing of answers that lack shards; and it tries again where
the certificate is not trusted. What does not: which calls
may be made twice (cluster.py). Imports the vendor's client (0.3 CPU-s), so import this only where a connection is made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from elastic_transport import AsyncTransport, ConnectionError, ConnectionTimeout  # noqa: A004
from elastic_transport.client_utils import DEFAULT, resolve_default

from sync_pipeline.backoff import Backoff
from sync_pipeline.connectors.elasticsearch.failures import seconds
from sync_pipeline.connectors.elasticsearch.shards import lacks_shards
from sync_pipeline.connectors.elasticsearch.tls import distrust

if TYPE_CHECKING:
    from collections.abc import Collection

    from elastic_transport import TransportApiResponse

BACKOFF = Backoff(first=0.2, cap=10.0, jitter=0.5)
#: A server that asks for a longer pause is not waited for: what it answered is told instead.
LONGEST_WAIT_SECONDS = 60.0


class PatientTransport(AsyncTransport):
    """Makes a request up to ``1 + max_retries`` times.

    Again after ``retry_on_status``, answers that lack shards, cut connections, and with ``retry_on_timeout`` after
    time-outs.
    """

    async def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:  # type: ignore[override]
        """Returns the answer to the last attempt; raises what the last attempt raised."""
        retries: int = resolve_default(options.pop("max_retries", DEFAULT), self.max_retries)
        statuses: Collection[int] = resolve_default(options.pop("retry_on_status", DEFAULT), self.retry_on_status)
        timeouts: bool = resolve_default(options.pop("retry_on_timeout", DEFAULT), self.retry_on_timeout)
        tried = 0
        while True:
            tried += 1
            asked = 0.0
            try:
                answer = await super().perform_request(method, target, max_retries=0, **options)
            except (ConnectionError, ConnectionTimeout) as error:
                if tried > retries or (isinstance(error, ConnectionTimeout) and not timeouts) or distrust(error):
                    raise
            else:
                asked = seconds(answer.meta.headers.get("retry-after")) or 0.0
                if tried > retries or asked > LONGEST_WAIT_SECONDS:
                    return answer
                if answer.meta.status not in statuses and not lacks_shards(answer.body):
                    return answer
            await asyncio.sleep(BACKOFF.wait(tried, asked))
