"""Facets: how many of a search's products have which brand, category, option, custom field, price and stock.

What belongs here: the aggregations of the request, and reading their answer. What does not: filters themselves.

A facet counts under all filters but its own, so that a shopper who chose one brand still sees what another would give.
Lists are bounded, the most frequent first. Composite and reverse-nested aggregations are left out: not every engine has
them, and a product says each pair of name and value once, so counting pairs is counting products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.pipelines.store_search.search.filters import NAMED_VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_pipeline.pipelines.store_search.search.filters import Filters

#: How many brands and categories, how many names of options and custom fields, and how many values of each.
MAX_VALUES = 50
MAX_NAMES = 20

_JSON = dict[str, Any]

_FLAT: dict[str, _JSON] = {
    "brand": {"terms": {"field": "brand.keyword", "size": MAX_VALUES}},
    "categories": {"terms": {"field": "categories.keyword", "size": MAX_VALUES}},
    "price": {"stats": {"field": "calculated_price"}},
    "in_stock": {"terms": {"field": "in_stock", "size": 2}},
}


def facet_aggregations(filters: Filters) -> _JSON:
    """Returns the ``aggs`` of the request. The filters must be in its ``post_filter``, not in its query."""
    clauses = filters.by_dimension()

    def under_others(own: tuple[str, str], inner: _JSON) -> _JSON:
        others = [clause for dimension, clause in clauses.items() if dimension != own]
        return {"filter": {"bool": {"filter": others}}, "aggs": inner}

    aggregations = {name: under_others((name, ""), {"values": how}) for name, how in _FLAT.items()}
    for path in NAMED_VALUES:
        aggregations[path] = under_others((path, ""), {"pairs": _pairs(path)})
        chosen = [dimension for dimension in clauses if dimension[0] == path]
        for number, (_, name) in enumerate(chosen):
            # Names may hold characters that an aggregation's own name may not.
            aggregations[f"{path}_{number}"] = under_others((path, name), {"pairs": _pairs(path, only=name)})
    return aggregations


def read_facets(aggregations: Mapping[str, Any]) -> _JSON:
    """Returns the answer to ``facet_aggregations`` in plain words.

    ``brand`` and ``categories``: lists of ``{value, count}``; ``options`` and ``custom_fields``: such a list for each
    name; ``in_stock``: likewise, with true and false; ``price``: ``{min, max}``, None without priced products.
    """
    facets: _JSON = {name: _counts(aggregations[name]["values"]) for name in ("brand", "categories")}
    for path in NAMED_VALUES:
        # The chosen names come after the list of all, and with more to choose from.
        answers = [answer for name, answer in aggregations.items() if name == path or name.startswith(f"{path}_")]
        facets[path] = {
            bucket["key"]: _counts(bucket["values"])
            for answer in sorted(answers, key=lambda answer: answer is not aggregations[path])
            for bucket in _names(answer["pairs"])["buckets"]
        }
    price = aggregations["price"]["values"]
    facets["price"] = {"min": price["min"], "max": price["max"]} if price["count"] else None
    stock = aggregations["in_stock"]["values"]["buckets"]
    facets["in_stock"] = [{"value": bool(bucket["key"]), "count": bucket["doc_count"]} for bucket in stock]
    return facets


def _pairs(path: str, *, only: str | None = None) -> _JSON:
    values = {"values": {"terms": {"field": f"{path}.value", "size": MAX_VALUES}}}
    names = {"names": {"terms": {"field": f"{path}.name", "size": MAX_NAMES}, "aggs": values}}
    if only is not None:
        names = {"only": {"filter": {"term": {f"{path}.name": only}}, "aggs": names}}
    return {"nested": {"path": path}, "aggs": names}


def _names(pairs: Mapping[str, Any]) -> Mapping[str, Any]:
    return pairs.get("only", pairs)["names"]


def _counts(terms: Mapping[str, Any]) -> list[_JSON]:
    return [{"value": bucket["key"], "count": bucket["doc_count"]} for bucket in terms["buckets"]]
