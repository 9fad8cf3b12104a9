"""A shop that is edited all the time, and what searches show of it: for tests that strike meanwhile.

Every edit has a number, which is in the name that it gives, so that a search tells which edits it has seen.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer

EDITS_PER_SECOND = 5


@dataclass
class EditedShop:
    """A store of the sandbox whose indices stand in the cluster at ``search``, seen past any relay.

    ``newest`` has the number of the newest edit by document id; None stands for a record that was deleted.
    """

    hash: str
    sandbox: SandboxServer
    search: httpx.Client
    newest: dict[str, int | None] = field(default_factory=dict)
    _dice: random.Random = field(default_factory=lambda: random.Random(0))
    _number: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def shown(self) -> dict[str, str]:
        """The names of all documents that a search of the store finds, by id."""
        body = {"query": {"match_all": {}}, "size": 1000, "_source": ["name"]}
        answer = self.search.post(f"/store-{self.hash}/_search", json=body).raise_for_status()
        return {hit["_id"]: hit["_source"].get("name", "") for hit in answer.json()["hits"]["hits"]}

    def shows(self, wanted: Mapping[str, int | None]) -> bool:
        """Whether a search shows these edits or later ones."""
        shown = self.shown()
        return all(
            key not in shown if number is None else key in shown and _number(shown[key]) >= number
            for key, number in wanted.items()
        )

    def edit(self, kind: str = "product", number: int | None = None) -> None:
        """Renames a record; without a ``number``, any product that was not deleted."""
        with self._lock:
            self._number += 1
            number = number or self._any("product")
            collection = "products" if kind == "product" else "categories"
            self.sandbox.admin.update(self.hash, collection, number, {"name": f"Edit {self._number}"})
            self.newest[f"{kind}-{number}"] = self._number

    def delete_product(self) -> None:
        """Deletes any product."""
        with self._lock:
            number = self._any("product")
            self.sandbox.admin.delete(self.hash, "products", number)
            self.newest[f"product-{number}"] = None

    def rename_category(self) -> None:
        """Renames any category: its products have another path then."""
        self.edit("category", self._any("category"))

    def so_far(self) -> dict[str, int | None]:
        """The newest edits up to now."""
        with self._lock:
            return dict(self.newest)

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Edits products at a steady rate meanwhile."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(1 / EDITS_PER_SECOND):
                self.edit()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def names(self) -> dict[str, str]:
        """The names of the shop's products by document id, shown or not."""
        products = self.sandbox.sandbox.stores[self.hash].catalog.products
        return {f"product-{number}": products.whole(number)["name"] for number in products.ids}

    def learn(self) -> None:
        """Takes note of what there is to edit: what a search finds now."""
        self.newest = {key: 0 for key in self.shown() if key.startswith(("product-", "category-"))}

    def _any(self, kind: str) -> int:
        there = sorted(key for key, number in self.newest.items() if number is not None and key.startswith(f"{kind}-"))
        return int(self._dice.choice(there).partition("-")[2])


def _number(name: str) -> int:
    """The number of the edit that gave the name, 0 for a name of before."""
    word, _, number = name.partition(" ")
    return int(number) if word == "Edit" and number.isdecimal() else 0
