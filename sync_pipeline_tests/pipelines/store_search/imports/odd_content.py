"""Odd categories, web pages and blog posts, each with what must become of it. The rules are those of documents/.

What belongs here: data. What does not: odd products (odd_products.py), and the tests.
"""

from __future__ import annotations

from typing import Any

from sync_pipeline_tests.pipelines.store_search.imports.odd_records import ABSENT, Odd, unreadable

#: The numbers that the demonstration shop gives to the first categories that are added to it, in the order below.
VISIBLE, CHILD, HIDDEN, BELOW_HIDDEN, LOOP, IN_LOOP, BELOW_LOOP, OWN_PARENT = range(45, 53)
UNKNOWN = 9999


def category(what: str, *, name: str, parent: Any = 0, **outcome: Any) -> Odd:
    return Odd("categories", what, {"name": name, "parent_id": parent, **outcome.pop("fields", {})}, **outcome)


def looping(what: str, *, name: str, parent: int, seen: str) -> Odd:
    advice = "lies in a loop of parent categories; give one of them another parent in BigCommerce"
    return category(what, name=name, parent=parent, dead=("category_cycle", f"category {{id}}{seen} {advice}"))


def page(what: str, fields: dict[str, Any], **outcome: Any) -> Odd:
    return Odd("pages", what, {"name": f"Oddity, {what}", "body": "<p>Words</p>", **fields}, **outcome)


def post(what: str, fields: dict[str, Any], **outcome: Any) -> Odd:
    given = {"title": f"Oddity, {what}", "body": "<p>Words</p>", "is_published": True, **fields}
    return Odd("posts", what, given, **outcome)


def misused(field: str, problem: str) -> tuple[str, str]:
    return unreadable(f"value for {field} cannot be used ({problem})")


# The first eight get the numbers above.
ODD_CATEGORIES = [
    category(
        "at the root with odd text",
        name=" Mena\xadgerie\u200b",
        fields={"description": "<p>Beasts<script>no</script> &amp; birds</p>"},
        indexed={"name": "Menagerie", "path": "Menagerie", "description": "Beasts & birds", "parent_id": 0},
    ),
    category("below it", name="Otters", parent=VISIBLE, indexed={"path": "Menagerie > Otters", "parent_id": VISIBLE}),
    category("hidden", name="Cellar", fields={"is_visible": False}, filtered="hidden"),
    category("below a hidden one", name="Wine", parent=HIDDEN, filtered="hidden_ancestor"),
    looping("in a loop", name="Hen", parent=IN_LOOP, seen=" (Hen)"),
    looping("in a loop, with control characters", name="E\0gg", parent=LOOP, seen=" (Egg)"),
    looping("below a loop and without a name", name="", parent=LOOP, seen=""),
    looping("that is its own parent", name="Ouroboros", parent=OWN_PARENT, seen=" (Ouroboros)"),
    category("without a name", name=" ", dead=("no_name", "category {id} has no name; give it one in BigCommerce")),
    category(
        "below an unknown one",
        name="Orphanage",
        parent=UNKNOWN,
        indexed={"path": "Orphanage", "parent_id": UNKNOWN},
    ),
    category(
        "below null",
        name="Nil",
        raw={"parent_id": None, "url": None},
        indexed={"path": "Nil", "parent_id": 0, "url": ABSENT},
    ),
    category(
        "whose parent is no number",
        name="Wordy",
        raw={"parent_id": "root"},
        dead=misused("parent_id", "expected int | null, got str"),
    ),
]

ODD_PAGES = [
    page(
        "of raw code",
        {"type": "raw", "body": "<?xml version='1.0'?><a><b>Lemming</b></a>"},
        indexed={"body": "Lemming"},
    ),
    page("with a contact form", {"type": "contact_form"}, indexed={"body": "Words"}),
    page("without a body", {}, raw={"body": None}, indexed={"body": ABSENT}),
    page(
        "below another, with a summary",
        {"parent_id": 1, "meta_description": "Why &amp; how"},
        indexed={"parent_id": 1, "description": "Why & how"},
    ),
    page("that is a link", {"type": "link", "link": "https://else.example.com"}, filtered="link_page"),
    page("with a list of posts", {"type": "blog"}, filtered="blog_page"),
    page("of a type to come", {"type": "hologram"}, filtered="unknown_page_type"),
    page("hidden", {"is_visible": False}, filtered="hidden"),
    page("for customers only", {"is_customers_only": True}, filtered="customers_only"),
    page("hidden and without a name", {"is_visible": False, "name": ""}, filtered="hidden"),
    page(
        "without a name",
        {"name": "\u200b"},
        dead=("no_name", "web page {id} has no name; give it one in BigCommerce"),
    ),
    page(
        "for customers in words",
        {},
        raw={"is_customers_only": "no"},
        dead=misused("is_customers_only", "expected bool | null, got str"),
    ),
]

# Text of digits is what the sandbox sorts by, and no date in any documented spelling.
NO_DATE = {"published_date_iso8601": "1536180127"}
PHP_DATE = {"date": "2018-05-18 08:26:42.000000", "timezone_type": 3, "timezone": "America/Chicago"}
ODD_POSTS = [
    post("a draft", {"is_published": False}, filtered="draft"),
    post("of the future", {"published_date_iso8601": "2199-01-01T00:00:00+0000"}, filtered="future"),
    post("without a date", {}, raw={**NO_DATE, "published_date": None}, indexed={"published_at": ABSENT}),
    post(
        "with a date in the other field",
        {},
        raw={**NO_DATE, "published_date": PHP_DATE},
        indexed={"published_at": "2018-05-18T13:26:42Z"},
    ),
    post(
        "with two dates",
        {"published_date_iso8601": "2018-05-18T13:26:42+0000"},
        raw={"published_date": "5/18/2019 1:26:42 PM"},
        indexed={"published_at": "2018-05-18T13:26:42Z"},
    ),
    post(
        "with odd tags",
        {"tags": [" new ", "", None, 5, True, "new"], "summary": "<p>Kinkajou &amp; [...]</p>", "author": ""},
        indexed={"tags": ["new", "5", "true"], "summary": "Kinkajou & [...]", "author": ABSENT},
    ),
    post(
        "with a body of 1 MB",
        {"body": "<p>Aardvark " * 87_382},
        indexed={"body": lambda text: text.startswith("Aardvark Aardvark ") and len(text) <= 100_000},
    ),
    post(
        "without a title",
        {"title": ""},
        dead=("no_title", "blog post {id} has no title; give it one in BigCommerce"),
    ),
    post(
        "with a title by language",
        {},
        raw={"title": {"en": "Hello"}},
        dead=misused("title", "expected str | null, got object"),
    ),
]

ODD_CONTENT = [*ODD_CATEGORIES, *ODD_PAGES, *ODD_POSTS]
