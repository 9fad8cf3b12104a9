"""What a change in a store's control panel does: records completed, numbered, dated, and references kept right.

Product edits set `date_modified` from the sandbox's clock; variant edits do not, as in the real API. Deleted things
leave no trace: a tree takes its categories along, a category those below it, and categories and brands that go are
taken out of the products without touching their dates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce import shapes
from sync_pipeline.sandboxes.bigcommerce.catalog import site, tree
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError
from sync_pipeline.sandboxes.kit.clock import Clock, iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
    from sync_pipeline.sandboxes.bigcommerce.records import Records
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

PRICES = {"price", "sale_price"}
#: What follows from another field unless it is given, too.
DERIVED = {"published_date_iso8601": "published_date", "url": "urls"}


class Edits:
    """The changes to one catalogue. Every method raises ApiError 404 for numbers that do not exist."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._simple: dict[str, tuple[Records, Callable[[Record], Record]]] = {
            "categories": (catalog.categories, shapes.new_category),
            "brands": (catalog.brands, shapes.new_brand),
            "pages": (catalog.pages, shapes.new_page),
            "posts": (catalog.posts, shapes.new_post),
            "trees": (catalog.trees, lambda body: {**tree(body["id"], "", []), **body}),
            "sites": (catalog.sites, lambda body: {**site(body["id"], 1, body.get("url", "")), **body}),
        }

    def create(self, kind: str, body: Record) -> Record:
        """Adds a record of ``kind`` (messages.RecordKind), completed from its defaults."""
        if kind == "products":
            return self._create_product(body)
        records, complete = self._collection(kind)
        record = complete({**body, records.key: records.next_id()})
        records.put(record)
        return record

    def update(self, kind: str, number: int, body: Record) -> Record:
        """Overwrites the fields that ``body`` names."""
        if kind == "products":
            return self._update_product(number, body)
        records, complete = self._collection(kind)
        old = records.get(number)
        stale = {follows for name, follows in DERIVED.items() if name in body}
        kept = {name: value for name, value in old.items() if name not in stale}
        record = complete({**kept, **body, records.key: number})
        records.put(record)
        return record

    def delete(self, kind: str, number: int) -> None:
        """Deletes a record; a category takes those below it along, a tree its categories."""
        if kind == "products":
            self._catalog.products.remove(number)
            return
        records, _ = self._collection(kind)
        records.remove(number)
        if kind == "brands":
            self._catalog.products.forget("brands", [number])
        elif kind == "categories":
            self._forget_categories([number])
        elif kind == "trees":
            of_tree = [c["category_id"] for c in self._catalog.categories.all() if c["tree_id"] == number]
            for each in of_tree:
                self._catalog.categories.remove(each)
            self._forget_categories(of_tree)

    def _forget_categories(self, gone: list[int]) -> None:
        """Deletes what goes with deleted categories: those below them, and the places of products."""
        categories = self._catalog.categories
        for parent in gone:
            below = [c["category_id"] for c in categories.all() if c["parent_id"] == parent]
            for each in below:
                categories.remove(each)
            gone += below
        self._catalog.products.forget("categories", gone)

    def create_variant(self, product_id: int, body: Record) -> Record:
        """Adds a variant; the product's `date_modified` stays."""
        product = self._catalog.products.whole(product_id)
        variant = shapes.new_variant({**body, "id": self._catalog.products.next_part_id()}, product)
        self._catalog.products.put({**product, "variants": [*product["variants"], variant]})
        return variant

    def update_variant(self, product_id: int, number: int, body: Record) -> Record:
        """Overwrites fields of a variant; the product's `date_modified` stays."""
        product = self._catalog.products.whole(product_id)
        old = _variant(product, number)
        variant = {**old, **body, "id": number}
        if PRICES & body.keys() and "calculated_price" not in body:
            variant["calculated_price"] = shapes.variant_price(variant, product)
        variants = [variant if each is old else each for each in product["variants"]]
        self._catalog.products.put({**product, "variants": variants})
        return variant

    def delete_variant(self, product_id: int, number: int) -> None:
        """Deletes a variant; the product's `date_modified` stays."""
        product = self._catalog.products.whole(product_id)
        gone = _variant(product, number)
        self._catalog.products.put({**product, "variants": [each for each in product["variants"] if each is not gone]})

    def _create_product(self, body: Record) -> Record:
        products = self._catalog.products
        now = iso(self._clock.now())
        defaults = {"date_created": now, "date_modified": now, "channels": [self._catalog.info["default_channel_id"]]}
        product = shapes.new_product({**defaults, **body, "id": products.next_id()})
        stock = {"sku": product["sku"], "inventory_level": product["inventory_level"]}
        variants = [{**each, "id": products.next_part_id()} for each in body.get("variants") or [stock]]
        product["variants"] = [shapes.new_variant(each, product) for each in variants]
        if not body.get("variants"):
            product["base_variant_id"] = product["variants"][0]["id"]
        cdn = f"https://cdn.example.com/s-{self._catalog.hash}"
        images = [{"is_thumbnail": order == 0, **each} for order, each in enumerate(body.get("images", []))]
        images = [{"date_modified": now, **each, "id": products.next_part_id()} for each in images]
        product["images"] = [shapes.new_image(each, product["id"], cdn) for each in images]
        fields = [{**each, "id": products.next_part_id()} for each in body.get("custom_fields", [])]
        product["custom_fields"] = fields
        products.put(product)
        return product

    def _update_product(self, number: int, body: Record) -> Record:
        old = self._catalog.products.whole(number)
        product = {**old, "date_modified": iso(self._clock.now()), **body, "id": number}
        if PRICES & body.keys() and "calculated_price" not in body:
            product["calculated_price"] = product["sale_price"] or product["price"]
        if product["calculated_price"] != old["calculated_price"]:
            product["variants"] = [
                {**each, "calculated_price": shapes.variant_price(each, product)} for each in product["variants"]
            ]
        fields = [{"id": self._catalog.products.next_part_id(), **each} for each in body.get("custom_fields", [])]
        if fields:
            product["custom_fields"] = fields
        self._catalog.products.put(product)
        return product

    def _collection(self, kind: str) -> tuple[Records, Callable[[Record], Record]]:
        try:
            return self._simple[kind]
        except KeyError:
            raise ApiError(404, f"There is no collection {kind}.") from None


def _variant(product: Record, number: int) -> Record:
    for variant in product["variants"]:
        if variant["id"] == number:
            return variant
    raise ApiError(404)
