"""Random edits at a sandbox shop."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

from sync_pipeline_tests.pipelines.store_search.conftest import Shop

Kind = Literal["products", "categories", "brands", "pages", "posts"]

WORDS = st.sampled_from(["Anchor", "Lantern", "Sofa", "Kettle", "Harbour & Pine", "Ärmel"])
FIELDS = {
    "products": st.fixed_dictionaries(
        {},
        optional={
            "name": WORDS,
            "price": st.sampled_from([0, 5, 19.9]),
            "is_visible": st.booleans(),
            "categories": st.lists(st.integers(0, 40), max_size=3),
            "brand_id": st.integers(0, 8),
            "description": st.sampled_from(["", "<p>New &amp; improved</p>"]),
        },
    ),
    "categories": st.fixed_dictionaries(
        {}, optional={"name": WORDS, "is_visible": st.booleans(), "parent_id": st.integers(0, 34)}
    ),
    "brands": st.fixed_dictionaries({}, optional={"name": WORDS}),
    "pages": st.fixed_dictionaries({}, optional={"name": WORDS, "is_visible": st.booleans()}),
    "posts": st.fixed_dictionaries({}, optional={"title": WORDS, "is_published": st.booleans()}),
}
NAMES = {"products": "name", "categories": "name", "brands": "name", "pages": "name", "posts": "title"}
SHOWN = {"products": "is_visible", "categories": "is_visible", "pages": "is_visible", "posts": "is_published"}


class Edit(NamedTuple):
    """One edit; ``which`` picks a record of those there are."""

    verb: str
    kind: Any
    which: int
    body: dict[str, Any]

    @property
    def is_told(self) -> bool:
        """Whether webhooks tell of such an edit."""
        return self.kind in {"products", "categories"} or (self.kind == "pages" and self.verb != "delete")

    def apply(self, shop: Shop) -> None:
        """Does it at the shop. References become ids that may exist; the last five records of a kind stay."""
        ids = shop.ids(self.kind)
        admin = shop.sandbox.admin
        body = _with_real_ids(shop, self.body)
        if self.verb == "create":
            admin.create(shop.hash, self.kind, {NAMES[self.kind]: f"New {self.which}", **body})
        elif self.verb == "delete" and len(ids) > 5:
            admin.delete(shop.hash, self.kind, ids[self.which % len(ids)])
        elif body and ids:
            admin.update(shop.hash, self.kind, ids[self.which % len(ids)], body)


def _with_real_ids(shop: Shop, body: dict[str, Any]) -> dict[str, Any]:
    body = dict(body)
    categories, brands = shop.ids("categories"), shop.ids("brands")
    if "categories" in body:
        # Deleting a category deletes those below it, so there may be none.
        body["categories"] = sorted(
            {categories[number % len(categories)] for number in body["categories"] if categories}
        )
    if "brand_id" in body:
        body["brand_id"] = ([0, *brands] * 2)[body["brand_id"] % (len(brands) + 1)]
    if "parent_id" in body:
        body["parent_id"] = ([0, *categories])[body["parent_id"] % (len(categories) + 1)]
    return body


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """Creating, updating, deleting, hiding and showing of any kind of record; products most of all."""
    kind = draw(st.sampled_from(["products", "products", *sorted(FIELDS)]))
    verb = draw(st.sampled_from(["update", "update", "create", "delete", "hide", "show"]))
    which = draw(st.integers(0, 60))
    if verb in {"hide", "show"} and kind in SHOWN:
        return Edit("update", kind, which, {SHOWN[kind]: verb == "show"})
    fields = FIELDS[kind].filter(bool) if verb == "update" else FIELDS[kind]
    return Edit(verb, kind, which, draw(fields))
