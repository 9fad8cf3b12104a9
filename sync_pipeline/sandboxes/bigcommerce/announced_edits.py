"""Edits that are told: each does what its plain form does and announces the events that BigCommerce would send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce import events
from sync_pipeline.sandboxes.bigcommerce.edits import Edits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
    from sync_pipeline.sandboxes.bigcommerce.events import Event
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record
    from sync_pipeline.sandboxes.kit.clock import Clock

#: What tells its channels of whatever becomes of it.
CHANNELS_OWN = {"sites": events.site_changed, "trees": events.tree_changed}


class AnnouncedEdits(Edits):
    """``announce`` gets the events of an edit after it is made; none of an edit that failed."""

    def __init__(self, catalog: Catalog, clock: Clock, announce: Callable[[Sequence[Event]], None]) -> None:
        super().__init__(catalog, clock)
        self._announce = announce

    def create(self, kind: str, body: Record) -> Record:
        """Adds a record."""
        record = super().create(kind, body)
        if kind == "products":
            self._announce(events.product_created(record, self._showing))
        elif kind == "categories":
            self._announce(events.categories_changed("created", [record["category_id"]]))
        elif kind == "pages":
            self._announce(events.page_changed("created", record))
        elif kind in CHANNELS_OWN:
            self._announce(CHANNELS_OWN[kind](record))
        return record

    def update(self, kind: str, number: int, body: Record) -> Record:
        """Overwrites fields of a record."""
        old = self._whole(kind, number)
        record = super().update(kind, number, body)
        if kind == "products":
            self._announce(events.product_updated(old, record, self._showing))
        elif record == old:
            return record
        elif kind == "categories":
            self._announce(events.categories_changed("updated", [number]))
        elif kind == "pages":
            self._announce(events.page_changed("updated", record))
        elif kind in CHANNELS_OWN:
            self._announce(CHANNELS_OWN[kind](old, record))
        return record

    def delete(self, kind: str, number: int) -> None:
        """Deletes a record; of a category that took others along each is told."""
        before = {record["category_id"] for record in self._catalog.categories.all()}
        old = self._whole(kind, number)
        super().delete(kind, number)
        if kind == "products":
            self._announce(events.product_deleted(number))
        elif kind == "categories":
            left = {record["category_id"] for record in self._catalog.categories.all()}
            self._announce(events.categories_changed("deleted", sorted(before - left)))
        elif kind in CHANNELS_OWN:
            self._announce(CHANNELS_OWN[kind](old))

    def create_variant(self, product_id: int, body: Record) -> Record:
        """Adds a variant."""
        variant = super().create_variant(product_id, body)
        self._announce([events.variant_changed("created", variant)])
        return variant

    def update_variant(self, product_id: int, number: int, body: Record) -> Record:
        """Overwrites fields of a variant."""
        old = self._variant(product_id, number)
        variant = super().update_variant(product_id, number, body)
        if old is not None:
            self._announce(events.variant_updated(old, variant))
        return variant

    def delete_variant(self, product_id: int, number: int) -> None:
        """Deletes a variant."""
        old = self._variant(product_id, number)
        super().delete_variant(product_id, number)
        if old is not None:
            self._announce([events.variant_changed("deleted", old)])

    def _showing(self, categories: set[int]) -> set[int]:
        """Returns the channels whose category trees have one of the categories."""
        found = self._catalog.categories
        trees = {found.get(number)["tree_id"] for number in categories if number in found}
        return {channel for tree in self._catalog.trees.all() if tree["id"] in trees for channel in tree["channels"]}

    def _whole(self, kind: str, number: int) -> Record:
        return self._catalog.products.whole(number) if kind == "products" else self._collection(kind)[0].get(number)

    def _variant(self, product_id: int, number: int) -> Record | None:
        variants = self._catalog.products.whole(product_id)["variants"]
        return next((variant for variant in variants if variant["id"] == number), None)
