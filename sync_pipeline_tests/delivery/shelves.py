"""A source that is a dict and a destination that is one, to be compared and repaired."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import xxhash

from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.operations import Action, Capabilities, Item, ItemResult, Operation, Outcome, Stored
from sync_pipeline_tests.clocks import ManualClock

Content = dict[str, Any]


def fingerprint(content: Mapping[str, Any]) -> str:
    return xxhash.xxh3_64_hexdigest(msgspec.json.encode(content, order="sorted"))


def upsert(key: str, content: Content, version: int = 1) -> Operation[Content]:
    return Operation(key, version, fingerprint=fingerprint(content), body=content, size=100)


@dataclass
class DictDestination:
    """Documents by key, each with the version and the fingerprint of its last write. It compares no versions."""

    documents: dict[str, Stored] = field(default_factory=dict)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(versioned=False))
    max_items: int = 100
    max_bytes: int = 100_000
    page: int = 3

    async def write(self, operations: Sequence[Operation[Content]]) -> Sequence[ItemResult]:
        results: list[ItemResult] = []
        for one in operations:
            if one.action is Action.DELETE:
                self.documents.pop(one.key, None)
                results.append(Outcome.DELETED)
            else:
                self.documents[one.key] = Stored(one.key, one.version, one.fingerprint, one.body or {})
                results.append(Outcome.WRITTEN)
        return results

    async def get(self, keys: Sequence[str], *, content: bool = False) -> Mapping[str, Stored]:
        return {key: self.documents[key] for key in keys if key in self.documents}

    async def scan(self, *, content: bool = False, newer_than: int | None = None) -> AsyncGenerator[Sequence[Stored]]:
        found = [one for one in self.documents.values() if newer_than is None or one.version > newer_than]
        for start in range(0, len(found), self.page):
            yield found[start : start + self.page]

    async def keys(self) -> AsyncGenerator[Sequence[str]]:
        async for page in self.scan():
            yield [one.key for one in page]

    async def count(self) -> int:
        return len(self.documents)

    def content_of(self, operation: Operation[Content]) -> Content:
        return operation.body or {}

    def edit(self, key: str, content: Content) -> None:
        """Changes a document behind the project's back: its fingerprint stays."""
        old = self.documents[key]
        self.documents[key] = Stored(key, old.version + 1, old.fingerprint, content)


@dataclass
class DictSource:
    """Records by key; ``listed`` limits what a listing gives, ``versions`` counts what was drawn."""

    records: dict[str, Content]
    others: list[Item] = field(default_factory=list)
    listed: int | None = None
    version: int = 1

    async def next_version(self) -> int:
        self.version += 1
        return self.version

    async def items(self) -> AsyncGenerator[Sequence[Item]]:
        version = await self.next_version()
        found: list[Item] = [upsert(key, content, version) for key, content in self.records.items()]
        found = [*found, *self.others][: self.listed]
        for start in range(0, len(found), 4):
            yield found[start : start + 4]

    async def named(self, keys: Sequence[str]) -> AsyncGenerator[Sequence[Item]]:
        async for page in self.items():
            yield [item for item in page if item.key in keys]


def delivery(destination: DictDestination, **options: Any) -> Delivery:
    """A delivery of a batch that nobody fences, without tombstones; it keeps no dead letters unless told where."""
    wired: dict[str, Any] = {
        "fence": lambda: None,
        "record_tombstones": lambda _: {},
        "keep": lambda _: None,
        "clock": ManualClock(),
    }
    return Delivery(destination, **(wired | options))
