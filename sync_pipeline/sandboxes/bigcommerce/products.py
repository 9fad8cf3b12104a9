"""The products of one store: an unchanging base made on demand, edits as overlays, deletions as absent numbers.

So a catalogue of 100,000 products costs one number each. What a query selects is product_listing's business, what an
edit implies is edits'.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from sync_pipeline.sandboxes.bigcommerce.errors import ApiError
from sync_pipeline.sandboxes.bigcommerce.shapes import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

#: Numbers of parts (variants, images, custom fields) that edits add; bases number theirs below.
FIRST_ADDED_PART_ID = 1_000_000_000


class ProductBase(Protocol):
    """Products that are computed rather than stored: the same number always gives the same product."""

    newest_modified: float  # epoch seconds: no product of the base was modified after it

    @property
    def ids(self) -> Sequence[int]:
        """The numbers, ascending."""
        ...

    def build(self, number: int, parts: Collection[str]) -> Record:
        """Returns the product with those of its ``parts`` that it has."""
        ...

    def variant_count(self, number: int) -> int:
        """Returns how many variants the product has."""
        ...


class Products:
    """All products of a store, in the order of their numbers."""

    def __init__(self, records: Iterable[Record] = (), *, base: ProductBase | None = None) -> None:
        self.base = base
        self.edited: dict[int, Record] = {record["id"]: record for record in records}
        self.ids = array("q", sorted({*self.edited, *(base.ids if base else ())}))
        self.revision = 0
        #: The highest numbers that were given.
        self.last_id = self.ids[-1] if self.ids else 0
        self.last_part_id = FIRST_ADDED_PART_ID
        self._gone: dict[str, set[int]] = {"categories": set(), "brands": set()}
        self._computed: dict[str, tuple[int, Any]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, number: int) -> bool:
        position = bisect_left(self.ids, number)
        return position < len(self.ids) and self.ids[position] == number

    def get(self, number: int, parts: Collection[str] = ()) -> Record:
        """Returns the product with ``parts`` (those that it has); raises ApiError 404."""
        product = self.edited.get(number)
        if product is not None:
            product = {name: value for name, value in product.items() if name not in PARTS or name in parts}
        elif self.base is not None and number in self:
            product = self.base.build(number, parts)
        else:
            raise ApiError(404)
        if self._gone["categories"]:
            product["categories"] = [n for n in product["categories"] if n not in self._gone["categories"]]
        if product["brand_id"] in self._gone["brands"]:
            product["brand_id"] = 0
        return product

    def is_as_made(self, number: int) -> bool:
        """Returns whether a product that there is, is still as the base made it."""
        return self.base is not None and number not in self.edited and not any(self._gone.values())

    def whole(self, number: int) -> Record:
        """Returns the product with all its parts; raises ApiError 404."""
        return self.get(number, PARTS)

    def put(self, product: Record) -> None:
        """Adds or replaces a whole product."""
        number = product["id"]
        if number not in self:
            self.ids.insert(bisect_left(self.ids, number), number)
            self.last_id = max(self.last_id, number)
        self.edited[number] = product
        self.revision += 1

    def remove(self, number: int) -> None:
        """Deletes a product; raises ApiError 404. No trace is left, as in the real API."""
        if number not in self:
            raise ApiError(404)
        self.ids.pop(bisect_left(self.ids, number))
        self.edited.pop(number, None)
        self.revision += 1

    def forget(self, kind: str, numbers: Collection[int]) -> None:
        """Takes deleted ``categories`` or ``brands`` out of every product, at no cost per product."""
        self._gone[kind].update(numbers)
        self.revision += 1

    def next_id(self) -> int:
        """Returns a product number that was never used."""
        self.last_id += 1
        return self.last_id

    def next_part_id(self) -> int:
        """Returns a number for an added variant, image or custom field."""
        self.last_part_id += 1
        return self.last_part_id

    def variant_ends(self) -> array[int]:
        """Returns how many variants the products up to each position have together."""

        def count(number: int) -> int:
            product = self.edited.get(number)
            if product is not None:
                return len(product["variants"])
            return self.base.variant_count(number) if self.base else 0

        return self.computed("variant_ends", lambda: array("q", accumulate(count(number) for number in self.ids)))

    def variants(self, numbers: Iterable[int]) -> Iterator[Record]:
        """Yields the variants of the given products, in order."""
        for number in numbers:
            yield from self.get(number, ("variants",))["variants"]

    def computed(self, name: str, compute: Callable[[], Any]) -> Any:
        """Returns a value computed once per revision of the products."""
        known = self._computed.get(name)
        if known is None or known[0] != self.revision:
            known = self._computed[name] = (self.revision, compute())
        return known[1]
