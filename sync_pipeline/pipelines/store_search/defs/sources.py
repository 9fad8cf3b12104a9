"""What `store_search` reads at BigCommerce, as assets that others make: the beginning of the lineage."""

import dagster as dg

from sync_pipeline.pipelines.store_search.defs.partitions import stores
from sync_pipeline.pipelines.store_search.types import OWNERS, PIPELINE, Part

#: By import, the collections whose records become its documents or a part of them.
READ = {
    Part.PRODUCTS: ("products", "brands", "categories"),
    Part.CATEGORIES: ("categories", "pages"),
    Part.BLOG_POSTS: ("blog_posts",),
}
DESCRIPTIONS = {
    "products": "Products with their variants, options, images and custom fields.",
    "brands": "Brands: products carry their names.",
    "categories": "The category tree: products carry the paths of theirs.",
    "pages": "Web pages.",
    "blog_posts": "Posts of the shop's blog.",
}


def source_key(name: str) -> dg.AssetKey:
    """Returns the key of a collection of the shop."""
    return dg.AssetKey([PIPELINE, "bigcommerce", name])


sources = [
    dg.AssetSpec(
        source_key(name),
        description=f"{description} Kept by the shop at BigCommerce; each batch and each drain reads it there.",
        partitions_def=stores,
        group_name="bigcommerce",
        owners=OWNERS,
        kinds={"bigcommerce"},
    )
    for name, description in DESCRIPTIONS.items()
]
