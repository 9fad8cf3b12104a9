"""A whole generated catalogue: the category tree, brands, pages and posts around the products of `generated`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_pipeline.sandboxes.bigcommerce import generated_words as words
from sync_pipeline.sandboxes.bigcommerce import shapes
from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog, channel, site, store_info, tree
from sync_pipeline.sandboxes.bigcommerce.generated import GeneratedProducts
from sync_pipeline.sandboxes.bigcommerce.products import Products
from sync_pipeline.sandboxes.bigcommerce.records import Records

BRANDS = 60
FIRST_POST = datetime(2024, 1, 8, 9, 0, tzinfo=UTC)
A_FUTURE_DAY = "2099-05-01T09:00:00+0000"


def generated_catalog(store_hash: str, *, seed: int, products: int, pages: int = 12, posts: int = 40) -> Catalog:
    """Returns a store of ``products`` products; the same arguments always give the same store."""
    categories, shelves = _categories()
    made = GeneratedProducts(seed, products, shelves=shelves, brands=BRANDS)
    info = store_info(store_hash, f"Generated store {seed}")
    channels = [channel(1, info["name"]), channel(2, "Market stall", kind="marketplace", status="connected")]
    return Catalog(
        info=info,
        channels=Records(channels),
        sites=Records([site(1000, 1, info["secure_url"])]),
        trees=Records([tree(1, "Default catalog tree", [1])]),
        categories=Records(categories, key="category_id"),
        brands=Records(shapes.new_brand({"id": n, "name": f"Maker {n} & Sons"}) for n in range(1, BRANDS + 1)),
        products=Products(base=made),
        pages=Records(_page(number) for number in range(1, pages + 1)),
        posts=Records(_post(number, posts) for number in range(1, posts + 1)),
    )


def _categories() -> tuple[list[shapes.Record], list[shapes.Record]]:
    """Departments, their sections and their shelves (three levels), and the shelves alone. A few are hidden."""
    all_of_them: list[shapes.Record] = []
    shelves: list[shapes.Record] = []

    def add(parent: shapes.Record | None, name: str, noun: str = "") -> shapes.Record:
        number = len(all_of_them) + 1
        path = f"{parent['url']['path'] if parent else '/'}{shapes.slug(name)}/"
        category = shapes.new_category(
            {
                "category_id": number,
                "parent_id": parent["category_id"] if parent else 0,
                "name": name,
                "description": f"<p>{name} &amp; more of their kind.</p>",
                "sort_order": number,
                "is_visible": number % 29 != 0,
                "search_keywords": noun,
                "url": {"path": path, "is_customized": False},
            }
        )
        all_of_them.append(category)
        return category

    for department, sections in words.DEPARTMENTS.items():
        top = add(None, department)
        for section in sections:
            name, _, noun = section.partition(":")
            middle = add(top, name, noun)
            shelves += [add(middle, f"{shelf} {name}", noun) for shelf in words.SHELVES]
    return all_of_them, shelves


def _page(number: int) -> shapes.Record:
    kinds = ("page", "page", "contact_form", "raw", "link", "blog")
    kind = kinds[number % len(kinds)]
    record: shapes.Record = {"id": number, "name": f"{words.TOPICS[number % 8]} {number}", "type": kind}
    if kind == "link":
        record["link"] = f"https://example.org/{number}"
    elif kind != "blog":
        record["body"] = f"<h1>{record['name']}</h1><p>{words.SENTENCES[number % 12]}</p><script>track()</script>"
    return shapes.new_page({**record, "is_visible": number % 7 != 0, "is_customers_only": number % 11 == 0})


def _post(number: int, last: int) -> shapes.Record:
    """Returns a generated blog post; every ninth is a draft, and the last is dated in the future."""
    title = f"{words.TOPICS[number % 8]}: {words.ADJECTIVES[number % 24]} days {number}"
    text = " ".join(words.SENTENCES[(number + step) % 12] for step in range(4))
    published = (FIRST_POST + timedelta(days=number)).isoformat()
    return shapes.new_post(
        {
            "id": number,
            "title": title,
            "body": f"<p>{text}</p>",
            "summary": f"<p>{text[:80]} [...]</p>",
            "tags": [words.TOPICS[number % 8].lower()],
            "is_published": number % 9 != 0,
            "published_date_iso8601": A_FUTURE_DAY if number == last else published,
            "author": words.SERIES[number % 12],
        }
    )
