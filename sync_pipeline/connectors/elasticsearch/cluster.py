"""The connection to one search cluster: the client, its limits, and what it is that answers.

What belongs here: building and closing the client, checking the server, turning its failures into the project's
errors. What does not: indices, documents and synonyms, which have modules of their own and use this one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import msgspec

from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError, client_errors, describe
from sync_pipeline.connectors.elasticsearch.tls import is_hung_up, trusting
from sync_pipeline.errors import ServiceUnavailableError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elasticsearch import AsyncElasticsearch

#: The oldest server whose synonyms API and bulk answers are as this package expects them.
MINIMUM_VERSION = (8, 15)

REQUEST_TIMEOUT = 30.0

#: Answers after which the same call may succeed.
PASSING = (408, 429, 500, 502, 503, 504)


class _Version(msgspec.Struct):
    number: str
    build_flavor: str = ""


class _Info(msgspec.Struct):
    version: _Version
    cluster_name: str = ""


@dataclass(slots=True, frozen=True)
class ClusterInfo:
    """What answers at the address: the cluster's name, the version as text, and the build (``default``, …)."""

    name: str
    version: str
    distribution: str


class SearchCluster:
    """One Elasticsearch cluster. Use it as an async context manager, or call ``close()``.

    ``url`` may carry a user name and password; ``api_key`` is the base64 form that Elasticsearch hands out;
    ``ca_certs`` is a PEM file of certificates to trust instead of the system's (raises CertificatesError).
    ``request_timeout`` is in seconds. ``client`` never tries again on its own: it is for calls whose caller has a
    back-off, and for those that must not be made twice.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str | None = None,
        ca_certs: Path | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        from elastic_transport.client_utils import DEFAULT  # noqa: PLC0415 - 0.3 CPU-s, with the client
        from elasticsearch import AsyncElasticsearch, OrjsonSerializer  # noqa: PLC0415

        from sync_pipeline.connectors.elasticsearch.patience import PatientTransport  # noqa: PLC0415 - imports the client

        parts = urlsplit(url)
        if parts.port is None:
            # The client wants one; whoever writes an address expects that of its scheme.
            parts = parts._replace(netloc=f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}")
        #: Host and port, for messages; never the credentials.
        self.host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._is_tls = parts.scheme == "https"
        #: The vendor's client. Wrap every call of it in ``errors()``.
        self.client: AsyncElasticsearch = AsyncElasticsearch(
            parts.geturl(),
            api_key=api_key,
            request_timeout=request_timeout,
            max_retries=0,
            retry_on_timeout=False,
            serializer=OrjsonSerializer(),
            transport_class=PatientTransport,
            ssl_context=trusting(ca_certs) if ca_certs is not None and self._is_tls else DEFAULT,
        )
        passing = {"retry_on_status": PASSING, "retry_on_timeout": True}
        #: The same client for calls that change nothing: tried up to four times with back-off.
        self.reads: AsyncElasticsearch = self.client.options(max_retries=3, **passing)
        #: For writes that end alike however often they are applied, and reads on which a batch depends: up to seven
        #: times, for there is work to lose.
        self.repeatable: AsyncElasticsearch = self.client.options(max_retries=6, **passing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections. A second call does nothing."""
        await self.client.close()

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turns the client's exceptions into one line that begins with ``doing`` ("creating index x").

        Answers are read inside, too: what they lack is told likewise. Raises ServiceUnavailableError when the cluster
        cannot be reached, refuses the key, is too busy or answers something else, and SearchClusterError when it
        refuses the call.
        """
        try:
            yield
        except client_errors() as error:
            failure = describe(error)
            text = f"{doing}: Elasticsearch at {self.host} {failure.message}"
            if not self._is_tls and is_hung_up(error):
                text += "; if it speaks TLS, ELASTICSEARCH_URL must begin with https://"
            if failure.retryable or failure.unauthorised:
                raise ServiceUnavailableError(text) from error
            raise SearchClusterError(text, status=failure.status, error_type=failure.error_type) from error
        except (LookupError, TypeError, AttributeError) as error:
            lacking = one_line(repr(error), 100)
            raise ServiceUnavailableError(
                f"{doing}: what answers at {self.host} does not answer as Elasticsearch does ({lacking})"
            ) from error

    async def check(self) -> ClusterInfo:
        """Returns what answers, if it can be used.

        Raises ServiceUnavailableError when nothing answers, the key is refused, or it is no Elasticsearch, or too old.
        """
        try:
            with self.errors("checking the search cluster"):
                answer = await self.client.info()
            info = msgspec.convert(answer.body, _Info)
            numbers = tuple(map(int, info.version.number.split(".")[:2]))
        except (msgspec.ValidationError, ValueError) as error:
            raise ServiceUnavailableError(f"what answers at {self.host} is not Elasticsearch") from error
        except SearchClusterError as error:
            if error.error_type == "media_type_header_exception":
                raise ServiceUnavailableError(
                    f"Elasticsearch at {self.host} does not speak version 9 of its API: 9.0 or newer is needed"
                ) from error
            raise ServiceUnavailableError(str(error)) from error
        if numbers < MINIMUM_VERSION:
            least = ".".join(map(str, MINIMUM_VERSION))
            raise ServiceUnavailableError(
                f"Elasticsearch at {self.host} is {info.version.number}: {least} or newer is needed"
            )
        return ClusterInfo(info.cluster_name, info.version.number, info.version.build_flavor)
