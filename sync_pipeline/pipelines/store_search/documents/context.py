"""What documents need to know of the store besides the record itself, gathered once per run.

What belongs here: read-only facts. What does not: how they are fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.pipelines.store_search.documents.category_paths import CategoryPaths

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(slots=True, frozen=True, kw_only=True)
class StoreContext:
    """The store as its documents see it.

    ``base_url`` is the default storefront's address (urls.storefront_url); ``currency`` the store's ISO 4217 code;
    ``brands`` names by id; ``categories`` the places of all categories; ``now`` (with a time zone) decides which posts
    are of the future.
    """

    base_url: str
    now: datetime
    currency: str | None = None
    brands: Mapping[int, str] = field(default_factory=dict)
    categories: CategoryPaths = field(default_factory=CategoryPaths)
