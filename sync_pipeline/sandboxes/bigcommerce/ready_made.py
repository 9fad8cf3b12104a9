"""Products as JSON, written once and kept: for a benchmark, on whose machine the shop runs too.

A real shop answers from a machine of its own. What belongs here: keeping what was written. What does not: how a product
looks (product_views).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sync_pipeline.sandboxes.bigcommerce.product_views import ProductView
    from sync_pipeline.sandboxes.bigcommerce.products import Products
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record


class ReadyMade:
    """The products of one store as they were first answered. Takes 3 to 4 KB a product; an edited one is not kept."""

    def __init__(self, products: Products) -> None:
        self._products = products
        self._kept: dict[Hashable, dict[int, msgspec.Raw]] = {}

    def renderer(self, view: ProductView) -> Callable[[int], Record | msgspec.Raw]:
        """Returns what ``view.of`` gives for a product's number, as a plain value or as its JSON."""
        products = self._products
        kept = self._kept.setdefault(view.key, {})

        def render(number: int) -> Record | msgspec.Raw:
            if not products.is_as_made(number):
                return view.of(products, number)
            ready = kept.get(number)
            if ready is None:
                ready = kept[number] = msgspec.Raw(msgspec.json.encode(view.of(products, number)))
            return ready

        return render
