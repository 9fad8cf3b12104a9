"""Which products a list request selects, in which order, without looking at more of them than it must.

Sorted by number (the default) a page of a keyset or offset walk costs the page, not the catalogue. Filtered and sorted
selections are computed once per revision of the products and kept for the next pages.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.product_filters import DATE_FILTERS, ID_FILTERS, product_tests
from sync_pipeline.sandboxes.bigcommerce.query import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sync_pipeline.sandboxes.bigcommerce.product_filters import Test
    from sync_pipeline.sandboxes.bigcommerce.products import Products
    from sync_pipeline.sandboxes.bigcommerce.query import Query

SORTS = (
    "id", "name", "sku", "price", "date_modified", "date_last_imported", "inventory_level", "is_visible", "total_sold",
    "calculated_price",
)  # fmt: skip
NOT_FILTERS = {"page", "limit", "sort", "direction", "include", "include_fields", "exclude_fields", *ID_FILTERS}
KEPT_SELECTIONS = 8


class ProductListing:
    """The list endpoint's selections over one store's products."""

    def __init__(self, products: Products) -> None:
        self._products = products
        self._kept: dict[tuple[tuple[str, str], ...], tuple[int, Sequence[int]]] = {}

    def select(
        self, query: Query, *, now: float, brand_names: Mapping[int, str], only_first: int | None = None
    ) -> Sequence[int]:
        """Returns the selected product numbers in order.

        ``now`` completes dates without a time; ``only_first`` pretends that the store has no more than that many
        products. Raises ApiError 422.
        """
        by = query.values.get("sort", "id")
        if by not in SORTS:
            raise invalid("sort", f"must be one of {', '.join(SORTS)}")
        direction = query.values.get("direction", "asc")
        if direction not in {"asc", "desc"}:
            raise invalid("direction", "must be asc or desc")
        wanted = query.numbers("id") or query.numbers("id:in")
        if "id" in query.values or "id:in" in query.values:
            tests = product_tests(query, now, brand_names)
            known = self._products.ids if only_first is None else self._products.ids[:only_first]
            ids = self._passing([number for number in sorted(set(wanted or ())) if _holds(known, number)], tests)
        else:
            ids = self._matching(query, now, brand_names)
            ids = ids if only_first is None else ids[:only_first]
        ids = _in_range(ids, query)
        if by == "id":
            return ids if direction == "asc" else ids[::-1]
        keys = {number: self._products.get(number)[by] for number in ids}
        return sorted(ids, key=lambda number: (keys[number], number), reverse=direction == "desc")

    def _matching(self, query: Query, now: float, brand_names: Mapping[int, str]) -> Sequence[int]:
        """Returns the numbers of the products that pass the filters other than those of the number, ascending."""
        tests = product_tests(query, now, brand_names)
        if not tests:
            return self._products.ids
        key = tuple(
            (name, str(query.instant(name, now)) if name in DATE_FILTERS else text)
            for name, text in sorted(query.values.items())
            if name not in NOT_FILTERS
        )
        kept = self._kept.get(key)
        if kept is None or kept[0] != self._products.revision:
            kept = (self._products.revision, array("q", self._passing(self._candidates(query, now), tests)))
            self._kept.pop(key, None)
            self._kept[key] = kept
            if len(self._kept) > KEPT_SELECTIONS:
                del self._kept[next(iter(self._kept))]
        return kept[1]

    def _candidates(self, query: Query, now: float) -> Sequence[int]:
        """Returns all numbers, or only the edited ones where no product of the base can be recent enough."""
        since = query.instant("date_modified:min", now)
        base = self._products.base
        if since is not None and base is not None and since > base.newest_modified:
            return sorted(self._products.edited)
        return self._products.ids

    def _passing(self, numbers: Sequence[int], tests: list[Test]) -> list[int]:
        def passes(number: int) -> bool:
            product = self._products.get(number, ("channels",))
            return all(test(product) for test in tests)

        return [number for number in numbers if passes(number)] if tests else list(numbers)


def _holds(ids: Sequence[int], number: int) -> bool:
    position = bisect_left(ids, number)
    return position < len(ids) and ids[position] == number


def _in_range(ids: Sequence[int], query: Query) -> Sequence[int]:
    """Returns the part of ascending ``ids`` between the bounds that the query sets."""
    first, end = 0, len(ids)
    for name in ("id:min", "id:greater", "id:max", "id:less"):
        if name not in query.values:
            continue
        cut = bisect_left if name in {"id:min", "id:less"} else bisect_right
        position = cut(ids, query.number(name))
        if name in {"id:min", "id:greater"}:
            first = max(first, position)
        else:
            end = min(end, position)
    excluded = set(query.numbers("id:not_in") or ())
    part = ids[first:end] if (first, end) != (0, len(ids)) else ids
    return [number for number in part if number not in excluded] if excluded else part
