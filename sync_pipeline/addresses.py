"""What an address on the network is like, told from its URL alone. Nothing is looked up."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Returns whether ``url`` is an http or https address of this machine."""
    try:
        parts = urlsplit(url)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        return parts.scheme in {"http", "https"} and parts.port != 0 and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def plain(address: Any) -> str:
    """Returns an address as people and scripts continue it, with a path of their own: without a slash at its end."""
    return str(address).rstrip("/")
