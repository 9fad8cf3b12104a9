"""Products odd in name, text or place, each with what must become of it. The rules are those of documents/, not called.

What belongs here: data. What does not: prices, variants and stock (odd_offers.py), and the tests.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sync_pipeline_tests.pipelines.store_search.imports.odd_content import (
    BELOW_HIDDEN,
    BELOW_LOOP,
    CHILD,
    HIDDEN,
    LOOP,
    UNKNOWN,
)
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import ABSENT, Odd, product, unreadable

#: One word of more UTF-8 bytes than Lucene takes as one term (32,766).
LONG_WORD = "ü" * 20_000
LONG_PAIR = {"name": LONG_WORD, "value": LONG_WORD}
MARKUP = (
    "<style>p{}</style><h2>Pango&shy;lin</h2><!-- no --><p>Salt&nbsp;&amp; p&eacute;pper&#33;</p>"
    "<script>no('<p>no</p>')</script><b>H</b>ello<noscript>no</noscript><![CDATA[ no ]]>"
)


def nameless(what: str, name: str, *, sku: str = "", seen: str = "") -> Odd:
    message = f"product {{id}}{seen} has no name; give it one in BigCommerce"
    return Odd("products", what, {"name": name, "sku": sku}, dead=("no_name", message))


def unreadable_product(what: str, problem: str, **raw: Any) -> Odd:
    return Odd("products", what, {"name": "Oddity"}, raw=raw, dead=unreadable(problem))


NAMES = [
    nameless("without a name", "", sku="NN-1", seen=" (SKU NN-1)"),
    nameless("with a name of white space", " \xa0\n "),
    nameless("with a name of nothing to see", "\u200b\ufeff\xad"),
    nameless("with control characters instead of a name", "\0", sku="N\0N", seen=" (SKU NN)"),
    product("with control characters", {"name": "Nul and bell"}, name="Nul\0 and\x07 bell", found_by="nul bell"),
    product("named in emoji", {"name": "🎈 🧑‍🚀"}, name="🎈 🧑‍🚀"),
    product(
        "named from right to left",
        {"name": "שולחן עץ"},
        name="\u202bשולחן\u200f עץ\u202c",
        found_by="שולחן",
    ),
    product(
        "with zero-width characters",
        {"name": "Gryphon marionette"},
        name="\ufeffGryph\u200bon\u2060 mari\xadonette",
        found_by="gryphon marionette",
    ),
    product("whose name keeps joiners", {"name": "می\u200cخواهم"}, name="می\u200cخواهم"),
    product("whose name looks like markup", {"name": "<b>Quokka</b> & co"}, name="<b>Quokka</b> & co"),
    product("without a SKU", {"sku": ABSENT}, sku=""),
    product("with a SKU of white space", {"sku": ABSENT}, sku=" \t"),
    product(
        "with very long words everywhere",
        {
            "name": f"Wombat {LONG_WORD}",
            "sku": LONG_WORD,
            "description": LONG_WORD,
            "search_keywords": [LONG_WORD],
            "custom_fields": [LONG_PAIR],
            "options": [LONG_PAIR],
        },
        name=f"Wombat {LONG_WORD}",
        sku=LONG_WORD,
        search_keywords=LONG_WORD,
        description=f"<p>{LONG_WORD}</p>",
        custom_url={"url": f"/{LONG_WORD}/"},
        custom_fields=[LONG_PAIR],
        images=[{"url_standard": f"https://cdn.example.com/{LONG_WORD}.jpg"}],
        variants=[{"sku": LONG_WORD, "option_values": [{"option_display_name": LONG_WORD, "label": LONG_WORD}]}],
        found_by="wombat",
    ),
]

PLACES = [
    Odd("products", "assigned to no channel", {"name": "Oddity", "channels": []}, filtered="no_channel"),
    Odd("products", "hidden and without a name", {"name": "", "is_visible": False}, filtered="hidden"),
    product("of several channels", {"channels": [1, 2, 7]}, channels=[1, 2, 7]),
    product("of an unknown brand", {"brand": ABSENT}, brand_id=999),
    product(
        "of categories unknown, hidden, below a hidden one, in a loop and below one",
        {
            "categories": ["Menagerie > Otters"],
            "category_ids": [HIDDEN, BELOW_HIDDEN, LOOP, BELOW_LOOP, CHILD],
        },
        categories=[UNKNOWN, HIDDEN, BELOW_HIDDEN, LOOP, BELOW_LOOP, CHILD, CHILD],
    ),
    product("of unknown categories only", {"categories": [], "category_ids": []}, categories=[UNKNOWN]),
    product(
        "with an address elsewhere",
        {"url": "https://else.example.com/x"},
        custom_url={"url": "https://else.example.com/x"},
    ),
    product("without an address", {"url": ABSENT}, custom_url=None),
    product(
        "with BigCommerce's words for nothing",
        {"search_keywords": []},
        related_products=[-1],
        meta_keywords=[""],
        preorder_release_date=None,
        search_keywords=" , ,",
    ),
    product(
        "with fields that nobody knows",
        {"surprise": ABSENT, "search_text": ABSENT, "_id": ABSENT},
        surprise={"deep": [1]},
        search_text="x",
        _id="x",
    ),
    unreadable_product(
        "with visibility in words", "value for is_visible cannot be used (expected bool, got str)", is_visible="yes"
    ),
    unreadable_product("with a variant without a number", "record lacks variants[0].id", variants=[{"sku": "A"}]),
]

TEXTS = [
    product(
        "with a description of 1 MB",
        {"description": lambda text: text.startswith("Capybara tales. Capy") and 99_000 < len(text) <= 100_000},
        description="<p>" + "Capybara tales. " * 65_536,
        found_by="capybara",
    ),
    product(
        "with 1 MB of markup before its words",
        {"description": ABSENT},
        description="<i></i>" * 150_000 + "<p>late</p>",
    ),
    product(
        "with 1 MB in one word",
        {"description": lambda text: text == "x" * 100_000},
        description="x" * 1_048_576,
    ),
    product(
        "with scripts, styles, entities, comments and CDATA",
        {"description": "Pangolin Salt & pépper! Hello"},
        description=MARKUP,
    ),
    product("with markup that never ends", {"description": "Numbat"}, description="<div><p>Numbat <b class='"),
    product(
        "with dates in other spellings",
        {"date_created": "2021-01-01T09:00:00Z", "date_modified": "2023-05-18T13:26:42Z"},
        date_created="Fri, 01 Jan 2021 10:00:00 +0100",
        date_modified="5/18/2023 1:26:42 PM",
    ),
    product(
        "with dates that are none",
        {"date_created": ABSENT, "date_modified": ABSENT},
        date_created="0000-00-00 00:00:00",
        date_modified={},
    ),
    product(
        "with the first and the last date",
        {"date_created": "0001-01-01T00:00:00Z", "date_modified": "9999-12-31T23:59:59Z"},
        date_created="0001-01-01T00:00:00Z",
        date_modified="9999-12-31T23:59:59Z",
    ),
    product(
        "rated beyond all stars",
        {"rating_average": ABSENT, "review_count": 1},
        reviews_rating_sum=1e300,
        reviews_count=1,
    ),
    product(
        "with the largest numbers",
        {"total_sold": 2**63 - 1, "inventory_level": 1 - 2**63, "in_stock": False},
        total_sold=2**63 - 1,
        inventory_level=1 - 2**63,
        inventory_tracking="product",
    ),
    product(
        "with half an emoji",
        {"name": "Emu \ufffd", "description": "Emu 😀"},
        raw={"name": msgspec.Raw(rb'"Emu \ud83d"'), "description": msgspec.Raw(rb'"Emu \ud83d\ude00"')},
    ),
    unreadable_product(
        "with text in a list",
        "value for description cannot be used (expected str | null, got array)",
        description=["x"],
    ),
    unreadable_product(
        "with a number beyond all bounds",
        "value for total_sold cannot be used (expected int <= 9223372036854775807)",
        total_sold=msgspec.Raw(b"1" + b"0" * 400),
    ),
]

ODD_PRODUCTS = [*NAMES, *PLACES, *TEXTS]
