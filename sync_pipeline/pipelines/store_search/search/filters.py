"""What narrows a search: exact values, each as a clause of the request.

What belongs here: filters as data, told apart by dimension, so that a facet can count without its own filter. What does
not: words and ranking (ranking.py), facets themselves (facets.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_JSON = dict[str, Any]

#: The two lists of names and values that a product has; both are nested objects.
NAMED_VALUES = ("options", "custom_fields")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Filters add up; several values of one filter are alternatives.

    ``types`` of documents (``product``, ``category``, ``page``, ``post``), ``brands``, ``categories`` as full paths
    (``Accessories > Jewelry``), ``options`` and ``custom_fields`` by name (``{"Color": "Red", "Size": ["M", "L"]}``),
    prices in the store's currency. All are compared exactly.
    """

    types: Sequence[str] = ()
    brands: Sequence[str] = ()
    categories: Sequence[str] = ()
    options: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    custom_fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    price_from: float | None = None
    price_to: float | None = None
    in_stock: bool | None = None

    def of_types(self) -> list[_JSON]:
        """Returns the clause for the types of documents: no facet, so it narrows facets too."""
        return [{"terms": {"type": list(self.types)}}] if self.types else []

    def by_dimension(self) -> dict[tuple[str, str], _JSON]:
        """Returns the other clauses. A dimension is a facet and, for options and custom fields, the name within it."""
        clauses: dict[tuple[str, str], _JSON] = {}
        if self.brands:
            clauses["brand", ""] = {"terms": {"brand.keyword": list(self.brands)}}
        if self.categories:
            clauses["categories", ""] = {"terms": {"categories.keyword": list(self.categories)}}
        for path in NAMED_VALUES:
            for name, values in (getattr(self, path) or {}).items():
                clauses[path, name] = _named_value(path, name, [values] if isinstance(values, str) else list(values))
        bounds = {"gte": self.price_from, "lte": self.price_to}
        if bounds := {bound: value for bound, value in bounds.items() if value is not None}:
            clauses["price", ""] = {"range": {"calculated_price": bounds}}
        if self.in_stock is not None:
            clauses["in_stock", ""] = {"term": {"in_stock": self.in_stock}}
        return clauses


def nested(path: str, query: _JSON) -> _JSON:
    """Returns a query on the nested objects of a product.

    Other documents have none, and share the alias with products.
    """
    return {"nested": {"path": path, "query": query, "score_mode": "max", "ignore_unmapped": True}}


def _named_value(path: str, name: str, values: list[str]) -> _JSON:
    return nested(path, {"bool": {"filter": [{"term": {f"{path}.name": name}}, {"terms": {f"{path}.value": values}}]}})
