"""A store's indices through one batch: create, find again, publish behind checks, remove what nobody owns.

The aliases move only in `publish`, in one call, after the new index holds what was written into it (invariant 5).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.documents import DocumentIndex
from sync_pipeline.connectors.elasticsearch.indices import PhysicalIndex, StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.guard import check_deletes
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.operations import Outcome
from sync_pipeline.pipelines.store_search.index.catch_up import CatchUp
from sync_pipeline.pipelines.store_search.index.definition import index_body
from sync_pipeline.pipelines.store_search.index.ownership import LEDGER, check_own, is_own, removable
from sync_pipeline.pipelines.store_search.types import TAKE_OVER, Kind, part_of_key, store_alias
from sync_pipeline.pipelines.store_search.words.rules import all_stop_words

if TYPE_CHECKING:
    from array import array
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from sync_pipeline.batches.identity import Identity
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.operations import Operation, Rejected
    from sync_pipeline.pipelines.store_search.stores.models import Store


class IndexCheckError(SyncPipelineError):
    """A filled index does not hold what was written into it; the old one stays."""

    kind = "index_check"


@dataclass
class StoreBuild:
    """One batch's work on one store's indices."""

    cluster: SearchCluster
    store: Store
    part: BatchPart
    own_stop_words: list[str]
    synonym_rules: list[str]
    folder: Path
    clock: Clock
    #: The ledger's: its indices carry it.
    identity: Identity
    #: Drawn before the batch reads a record. An index may be made later than records were read that go into it: another
    #: import has read the categories by then. So this is the version after which everything in it was read.
    first_version: int
    #: How often a batch that this one asks for is tried again.
    retries: int = 0
    removed: list[str] = field(default_factory=list)
    _creating: asyncio.Lock = field(default_factory=asyncio.Lock)

    @cached_property
    def indices(self) -> StoreIndices:
        """The store's physical indices."""
        return StoreIndices(self.cluster, self.store.hash)

    @cached_property
    def synonyms_set(self) -> SynonymsSet:
        """The store's synonyms set."""
        return SynonymsSet(self.cluster, store_alias(self.store.hash))

    @cached_property
    def stop_words(self) -> list[str]:
        """The language's stop words and the store's own."""
        return all_stop_words(self.store.language, self.own_stop_words)

    @cached_property
    def tombstones(self) -> Tombstones:
        """What was found gone from the store."""
        return Tombstones.of(self.part)

    async def put_synonyms(self) -> None:
        """Makes the store's rules the ones that its searches use."""
        await self.fence()
        await self.synonyms_set.put(self.synonym_rules)

    async def fence(self) -> None:
        """Raises FencedError when this batch may write no more."""
        await asyncio.to_thread(self.part.lane.check)

    async def index_for(self, kind: Kind) -> str:
        """Returns the name of the index that this attempt fills for a kind; created, empty, if it is not there yet."""
        async with self._creating:
            for index in await self.indices.list():
                if index.kind == kind.word and not index.aliases and self._is_mine(index):
                    return index.name
            return await self.create(kind)

    async def create(self, kind: Kind, *, first_version: int | None = None) -> str:
        """Returns a new, empty index of the kind, after the ownerless ones of the kind are gone.

        Everything in it will be newer than ``first_version``, by default the build's own: a copy takes that of its
        original. A store without its synonyms set gets it first.
        """
        await self.remove_orphaned(kind)
        if not await self.synonyms_set.exists():
            await self.put_synonyms()
        name = self.indices.new_name(kind.word, await self._moment(kind))
        await self.indices.create(
            name,
            index_body(
                kind.word,
                language_code=self.store.language,
                stop_words=self.stop_words,
                synonyms_set=store_alias(self.store.hash),
                meta={
                    LEDGER: self.identity.id,
                    "batch_id": self.part.batch.id,
                    "attempt": self.part.batch.attempt,
                    "run": self.part.batch.dagster_run_id,
                    "first_version": self.first_version if first_version is None else first_version,
                    "made_version": self.first_version,
                },
            ),
        )
        return name

    async def _moment(self, kind: Kind) -> datetime:
        """Returns the present or, when the clock was set back, just after the kind's newest index: names only grow."""
        made = [index.created for index in await self.indices.list() if index.kind == kind.word]
        return max([self.clock.now(), *(created + timedelta(milliseconds=1) for created in made)])

    async def publish(
        self, kind: Kind, name: str, *, documents: int, written: array[int] | None = None
    ) -> dict[str, Any]:
        """Puts a filled index behind the kind's aliases.

        What others found gone since it was made is deleted from it first, and what they wrote is taken over, if this
        ledger made what they wrote it into. What it replaces stays until the kind's next build: searches that are under
        way on it end in peace. ``written`` are the keys that were written into it, as ``key_hash``; None for a copy,
        which must have what its original has. Raises IndexCheckError when it does not hold them, ``documents`` in
        number unless others wrote too, DeleteGuardError when it holds far fewer than the index that it would replace,
        ForeignIndexError when another ledger has replaced that meanwhile.
        """
        live = await self._own(await self.indices.current(kind.word))
        meanwhile = await self._catch_up(name)
        deleted = await self._delete_again(kind, name)
        await meanwhile.carry_over(live)
        await self.indices.finish_build(name)
        found = await self.indices.count(name)
        others = await meanwhile.others_wrote()
        if found + deleted != documents or others:
            if written is None:
                written = await meanwhile.keys_before(live)
            if await meanwhile.missing(written) or (found + deleted > documents and not others):
                raise IndexCheckError(
                    f"index {name} holds {found} documents, {documents} were written and {deleted} of them deleted "
                    "again: it is not used"
                )
        before = await self.indices.count(kind.alias(self.store.hash))
        check_deletes(
            what=f"{kind.word} of store {self.store.hash}",
            before=before,
            deletes=before - found,
            confirmed=self.part.batch.confirm_deletes,
            bounds=kind.guard,
        )
        await self._check_own()
        await self.fence()
        replaced = (await self.indices.swap({kind.word: name}))[kind.word]
        # Whoever came between the checks and the swap may have reached only the index that was live then.
        late = await self._delete_again(kind, name)
        if await meanwhile.carry_over(await self._own(replaced)) or late:
            await self.indices.refresh(name)
            found = await self.indices.count(name)
        return {"index": name, "documents": found, "replaced": replaced}

    async def show(self, kind: Kind, name: str) -> dict[str, Any]:
        """Makes what was written into a live index visible; its figures, as ``publish`` gives them.

        Raises IndexCheckError when the kind's alias, moved meanwhile, does not name that index alone.
        """
        await self.indices.refresh(name)
        shown = await self.indices.current(kind.word)
        if shown != [name]:
            raise IndexCheckError(
                f"index {name} was written, but the alias {kind.alias(self.store.hash)} now names "
                f"{', '.join(shown) or 'no index'}: somebody moved it. Run a full batch"
            )
        return {"index": name, "documents": await self.indices.count(name), "replaced": []}

    async def remove_orphaned(self, kind: Kind) -> None:
        """Removes the kind's indices that no alias names and this attempt did not make; notes them in ``removed``.

        This batch holds the store's bulk lane, so no other live batch of this ledger can own one.
        """
        await self.fence()
        for index in removable(await self.indices.list(), self.identity):
            if index.kind == kind.word and not self._is_mine(index):
                await self.indices.delete(index.name)
                self.removed.append(index.name)

    async def _delete_again(self, kind: Kind, name: str) -> int:
        """Deletes from an index what other batches found gone since it was made; how many documents those were."""
        since = (await self._meta(name))["first_version"]
        everything = await asyncio.to_thread(self.tombstones.recorded_by_others, since=since)
        laid = [delete for delete in everything if part_of_key(delete.key) is kind.part]
        index = DocumentIndex(self.cluster, name)
        held = await index.get([delete.key for delete in laid])
        deletes = [delete for delete in laid if delete.key in held and held[delete.key].version < delete.version]
        if not deletes:
            return 0

        async def pages() -> AsyncGenerator[Sequence[Operation]]:
            yield deletes

        # They are tombstones already, of those who found them gone.
        delivery = Delivery.of(self.part, index, record_tombstones=lambda _: {}, keep=_refuse, clock=self.clock)
        return (await delivery.run(pages())).outcomes[Outcome.DELETED]

    async def _catch_up(self, name: str) -> CatchUp:
        made_version = (await self._meta(name))["made_version"]
        return CatchUp(self.cluster, name, made_version, self.part, self.clock)

    async def _meta(self, name: str) -> dict[str, Any]:
        made = next((index for index in await self.indices.list() if index.name == name), None)
        if made is None or "made_version" not in made.meta:
            raise IndexCheckError(f"index {name} is gone, or was not made by this project: it is not used")
        return made.meta

    async def _own(self, names: Sequence[str]) -> list[str]:
        """Returns those of the named indices that this ledger made and that are still there."""
        own = {index.name for index in await self.indices.list() if is_own(index, self.identity)}
        return [name for name in names if name in own]

    async def _check_own(self) -> None:
        """Raises ForeignIndexError when another ledger has replaced the store's indices meanwhile."""
        if not self.part.batch.options.get(TAKE_OVER):
            check_own(self.store.hash, await self.indices.list(), self.identity)

    def _is_mine(self, index: PhysicalIndex) -> bool:
        # Each attempt has a run of its own. A ledger that was restored from a backup gives batches' numbers again.
        return index.meta.get("run") == self.part.batch.dagster_run_id


def _refuse(rejected: Sequence[Rejected]) -> None:
    raise IndexCheckError(f"{rejected[0].key} could not be deleted again: {rejected[0].message}")
