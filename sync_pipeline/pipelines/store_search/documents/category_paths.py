"""Where each category stands: its full path through visible ancestors, or why it has none.

What belongs here: the tree of categories, computed once per run, because BigCommerce folds neither the ancestors' names
nor their visibility into a category. What does not: documents.

A parent that is not in the listing counts as none, so its children are roots. A category whose chain of parents never
ends is in a loop, and so is everything below it; hidden wins over loop, for what is hidden is never anyone's concern.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sync_pipeline.pipelines.store_search.documents.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sync_pipeline.connectors.bigcommerce.records import Category

SEPARATOR = " > "


class Unplaced(StrEnum):
    """Why a category has no path."""

    HIDDEN = "hidden"
    HIDDEN_ANCESTOR = "hidden_ancestor"
    LOOP = "category_cycle"


@dataclass(slots=True, frozen=True)
class Path:
    """A visible category's names from the root, as one text: ``Accessories > Jewelry``; empty if none has a name."""

    text: str


Place = Path | Unplaced


@dataclass(slots=True, frozen=True)
class CategoryPaths:
    """Every listed category's place, by id."""

    places: Mapping[int, Place] = field(default_factory=dict)

    def __contains__(self, category_id: int) -> bool:
        return category_id in self.places

    def path(self, category_id: int) -> str | None:
        """Returns the full path of a visible category; None for hidden, looping, nameless and unknown ones."""
        place = self.places.get(category_id)
        return (place.text or None) if isinstance(place, Path) else None

    def place(self, category: Category) -> Place:
        """Returns where ``category`` stands as it reads now, under its parent as listed."""
        if not category.is_visible:
            return Unplaced.HIDDEN
        if category.parent_id == category.category_id:
            return Unplaced.LOOP
        return _below(self.places.get(category.parent_id or 0), category)


def build_category_paths(categories: Iterable[Category]) -> CategoryPaths:
    """Returns the places of all ``categories`` of a store, in time proportional to their number."""
    nodes = {category.category_id: category for category in categories}
    places: dict[int, Place] = {}
    for start in nodes:
        chain: dict[int, Category] = {}
        current = start
        while current in nodes and current not in places and current not in chain:
            chain[current] = nodes[current]
            current = nodes[current].parent_id or 0
        if current in chain:
            members = list(chain)
            loop = [chain.pop(member) for member in members[members.index(current) :]]
            all_visible = all(category.is_visible for category in loop)
            for category in loop:
                state = Unplaced.LOOP if all_visible else Unplaced.HIDDEN_ANCESTOR
                places[category.category_id] = state if category.is_visible else Unplaced.HIDDEN
        for category in reversed(chain.values()):
            above = places.get(category.parent_id or 0)
            places[category.category_id] = _below(above, category) if category.is_visible else Unplaced.HIDDEN
    return CategoryPaths(places)


def _below(above: Place | None, category: Category) -> Place:
    if isinstance(above, Unplaced):
        return Unplaced.LOOP if above is Unplaced.LOOP else Unplaced.HIDDEN_ANCESTOR
    name = one_line(category.name) or ""
    if above is None or not above.text:
        return Path(name)
    return Path(f"{above.text}{SEPARATOR}{name}") if name else above
