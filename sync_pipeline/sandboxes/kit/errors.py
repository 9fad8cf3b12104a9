"""How a sandbox refuses a request, before it is told in a service's own words."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that is answered with the HTTP status ``status``; ``title`` says why."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
