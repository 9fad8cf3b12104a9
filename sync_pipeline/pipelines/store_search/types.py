"""The vocabulary of `store_search`: batch types, the parts of a run, and the kinds of index.

Pure: no Dagster, no I/O. A part is named as its Dagster asset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sync_pipeline.delivery.guard import GuardBounds
from sync_pipeline.errors import UsageError

PIPELINE = "store_search"
#: Who answers for its assets, as Dagster names owners.
OWNERS = ["team:store_search"]


class Part(StrEnum):
    """What a run does, in the order of the chain."""

    STOP_WORDS = "stop_words"
    SYNONYMS = "synonyms"
    SEARCH_INDEX = "search_index"
    PRODUCTS = "products"
    CATEGORIES = "categories"
    BLOG_POSTS = "blog_posts"


class BatchType(StrEnum):
    """What a batch covers, as the command line and the API name it."""

    ALL = "all"
    PRODUCT = "product"
    CATEGORY = "category"
    BLOG = "blog"
    STOP_WORDS = "stop-words"
    SYNONYMS = "synonyms"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that a batch of this type plans."""
        return PARTS[self]

    @property
    def job(self) -> str:
        """The name of the Dagster job that runs it."""
        return f"sync_{self.name.lower()}"


@dataclass(frozen=True)
class Kind:
    """One of a store's three indices: the part that fills it, the word in its names, how many may vanish at once."""

    part: Part
    word: str
    guard: GuardBounds = field(default_factory=GuardBounds)

    def alias(self, store_hash: str) -> str:
        """Returns the alias that searches of this kind use."""
        return f"store-{store_hash}-{self.word}"


KINDS = (Kind(Part.PRODUCTS, "products"), Kind(Part.CATEGORIES, "categories"), Kind(Part.BLOG_POSTS, "blog"))
IMPORTS = tuple(kind.part for kind in KINDS)

#: The first word of document ids, and the import that writes them.
KEY_PARTS = {
    "product": Part.PRODUCTS,
    "category": Part.CATEGORIES,
    "page": Part.CATEGORIES,
    "post": Part.BLOG_POSTS,
}

PARTS: dict[str, tuple[Part, ...]] = {
    BatchType.ALL: tuple(Part),
    BatchType.PRODUCT: (Part.SEARCH_INDEX, Part.PRODUCTS),
    BatchType.CATEGORY: (Part.SEARCH_INDEX, Part.CATEGORIES),
    BatchType.BLOG: (Part.SEARCH_INDEX, Part.BLOG_POSTS),
    BatchType.STOP_WORDS: (Part.STOP_WORDS,),
    BatchType.SYNONYMS: (Part.SYNONYMS,),
}


#: The option of a full batch of everything that replaces another ledger's indices.
TAKE_OVER = "take_over"

#: The type of the batches that apply webhook events, and their only part. Nobody asks for one by hand.
EVENTS = "events"


def kind_of(part: Part) -> Kind:
    """Returns the index that an import fills."""
    return next(kind for kind in KINDS if kind.part is part)


def part_of_key(key: str) -> Part | None:
    """Returns the import that a document id such as `page-3` belongs to."""
    return KEY_PARTS.get(key.partition("-")[0])


def product_key(number: int) -> str:
    """Returns the document id of a product."""
    return f"product-{number}"


def store_alias(store_hash: str) -> str:
    """Returns the alias over a store's three indices, and the name of its synonyms set."""
    return f"store-{store_hash}"


def batch_type(value: str) -> BatchType:
    """Returns the batch type of that name. Raises UsageError listing those there are."""
    try:
        return BatchType(value)
    except ValueError:
        raise UsageError(f"type {value!r} is unknown: it is one of {', '.join(BatchType)}") from None


def type_of_parts(parts: frozenset[Part]) -> BatchType | None:
    """Returns the type that a hand-picked set of parts makes up, with or without the empty indices; None if none."""
    data = parts - {Part.SEARCH_INDEX}
    for candidate in BatchType:
        if data and data == frozenset(candidate.parts) - {Part.SEARCH_INDEX}:
            return candidate
    return None
