"""Trust in the search cluster's certificate: whose signature counts, and what it means when none does."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from sync_pipeline.errors import Retry, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Reasons of OpenSSL (`man verify`, X509_V_ERR_…).
EXPIRED, NOT_YET_VALID = 10, 9
OTHER_NAME = {62, 64}
UNKNOWN_ISSUER = {2, 18, 19, 20, 21}


class CertificatesError(UsageError):
    """The file of certificates to trust cannot be used."""

    kind = "settings"
    retry = Retry.PERSON


def trusting(ca_certs: Path) -> ssl.SSLContext:
    """Returns what a connection needs to trust the certificates of a PEM file, and no others.

    Raises CertificatesError.
    """
    try:
        return ssl.create_default_context(cafile=ca_certs)
    except ssl.SSLError:
        reason = "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    raise CertificatesError(f"ELASTICSEARCH_CA_CERTS: {ca_certs} {reason}")


def distrust(error: BaseException) -> str | None:
    """Returns why no TLS connection came about, and what to do; None when an error is about something else.

    The words continue "Elasticsearch at host …".
    """
    for cause in _causes(error):
        # aiohttp's own errors derive from those of `ssl` and lack what these say.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_code"):
            return _advice(cause)
        if getattr(cause, "reason", None) in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
            return "does not speak TLS: its ELASTICSEARCH_URL begins with http://, not https://"
    return None


def is_hung_up(error: BaseException) -> bool:
    """Returns whether a server took a request and hung up, or answered no HTTP: so one of TLS does with plain text."""
    # By name: aiohttp comes with the client.
    hung_up = {"ServerDisconnectedError", "BadHttpMessage", "BadStatusLine"}
    return any(kind.__name__ in hung_up for cause in _causes(error) for kind in type(cause).__mro__)


def _advice(refused: ssl.SSLCertVerificationError) -> str:
    why = one_line(refused.verify_message or str(refused), 200)
    if refused.verify_code in OTHER_NAME:
        advice = "ELASTICSEARCH_URL must name the host as the certificate does"
    elif refused.verify_code in {EXPIRED, NOT_YET_VALID}:
        advice = "it has to be renewed there (or this machine's clock is wrong)"
    elif refused.verify_code in UNKNOWN_ISSUER:
        advice = (
            "set ELASTICSEARCH_CA_CERTS to a PEM file with the certificate that signed it (Elasticsearch keeps its own "
            "in config/certs/http_ca.crt); if it is set, its file holds another"
        )
    else:
        advice = "ELASTICSEARCH_CA_CERTS names a PEM file of certificates to trust"
    return f"has a certificate that is not trusted ({why}): {advice}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields the error and what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
