"""What an endpoint gets, and the envelopes that it answers with: v3's data and meta, v2's bare values, pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce.answers import Answer
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sync_pipeline.sandboxes.bigcommerce.query import Query
    from sync_pipeline.sandboxes.bigcommerce.store import Store

DEFAULT_LIMIT = 50
MOST_PER_PAGE = 250
V2_LAST_PAGE = 50
PAGING = ("page", "limit")


@dataclass(slots=True)
class Call:
    """One request of an endpoint. ``numbers`` are the path's; ``only_first`` cuts the collection short (a fault)."""

    store: Store
    query: Query
    now: float
    numbers: dict[str, int] = field(default_factory=dict)
    only_first: int | None = None
    body: bytes = b""

    def cut(self, items: Sequence[Any]) -> Sequence[Any]:
        """Returns ``items``, or as many of them as the fault leaves."""
        return items if self.only_first is None else items[: self.only_first]


def one(data: Any) -> Answer:
    """Returns a v3 answer with a single object."""
    return Answer(200, {"data": data, "meta": {}})


def page_of(
    call: Call, items: Sequence[Any], render: Callable[[Any], Any] | None = None, *, most: int = MOST_PER_PAGE
) -> Answer:
    """Returns the v3 page of ``items`` that the query asks for, each rendered; ``most`` caps it without a word.

    Raises ApiError 422 for a page below 1 or a limit outside 1 to 250.
    """
    number, limit = _asked(call)
    limit = min(limit, most)
    shown = items[(number - 1) * limit : number * limit]
    total_pages = -(-len(items) // limit)
    links = {"current": call.query.link(number, limit)}
    if number > 1:
        links["previous"] = call.query.link(number - 1, limit)
    if number < total_pages:
        links["next"] = call.query.link(number + 1, limit)
    pagination = {
        "total": len(items),
        "count": len(shown),
        "per_page": limit,
        "current_page": number,
        "total_pages": total_pages,
        "links": links,
    }
    data = [render(item) for item in shown] if render else list(shown)
    return Answer(200, {"data": data, "meta": {"pagination": pagination}})


def v2_page_of(call: Call, items: Sequence[Any], xml_names: tuple[str, str]) -> Answer:
    """Returns the v2 page that the query asks for: a bare list, or 204 without a body where there is nothing.

    Raises ApiError 413 for a limit above 250 and 400 for a page above 50 (the specification's maximum).
    """
    limit = call.query.number("limit", DEFAULT_LIMIT, least=1)
    if limit > MOST_PER_PAGE:
        message = "The specified limit exceeds the maximum allowed."
        raise ApiError(413, message, details={"max_limit": MOST_PER_PAGE})
    number = call.query.number("page", 1, least=1)
    if number > V2_LAST_PAGE:
        raise ApiError(400, "The specified page exceeds the maximum allowed.", details={"max_page": V2_LAST_PAGE})
    shown = list(items[(number - 1) * limit : number * limit])
    return Answer(200, shown, xml_names=xml_names) if shown else Answer(204, None)


def _asked(call: Call) -> tuple[int, int]:
    number = call.query.number("page", 1, least=1)
    return number, call.query.number("limit", DEFAULT_LIMIT, least=1, most=MOST_PER_PAGE)
