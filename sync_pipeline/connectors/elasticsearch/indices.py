"""A store's physical indices and the aliases before them.

Names: ``store-{hash}-{kind}-{timestamp}`` behind the aliases ``store-{hash}-{kind}`` and ``store-{hash}``. What belongs
here: making, listing, finishing, swapping and removing them. What does not: what is in an index body, which kinds there
are, and when something may be swapped or removed; that is for the pipeline.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sync_pipeline.connectors.elasticsearch import reading
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from elasticsearch import AsyncElasticsearch

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster

#: Fast to fill: nothing is searched before the swap, and a lost build is simply built again.
BUILD_SETTINGS: dict[str, Any] = {"refresh_interval": "-1", "number_of_replicas": 0}

#: By kind and alias: the kind's indices that the alias names.
_Behind = dict[str, dict[str, list[str]]]


@dataclass(slots=True, frozen=True)
class PhysicalIndex:
    """One index of a store.

    ``created`` is read from the name; ``meta`` is the mapping's ``_meta``, empty for an index that nobody created (a
    write to a removed one made it).
    """

    name: str
    kind: str
    created: datetime
    meta: dict[str, Any]
    aliases: frozenset[str]


class StoreIndices:
    """The indices of one store. All methods raise as ``SearchCluster.errors``."""

    #: Seconds in which a node must have taken a new index; less than a request may take.
    shards_timeout = 20

    def __init__(self, cluster: SearchCluster, store_hash: str) -> None:
        self.cluster = cluster
        #: The alias over all kinds, and the beginning of every other name.
        self.alias = f"store-{store_hash}"
        self._name = re.compile(rf"{re.escape(self.alias)}-(?P<kind>[a-z_]+)-(?P<stamp>\d{{17}})")

    def alias_of(self, kind: str) -> str:
        """Returns the alias over the current index of a kind."""
        return f"{self.alias}-{kind}"

    def new_name(self, kind: str, now: datetime) -> str:
        """Returns a name for a new index: UTC, to the millisecond."""
        return f"{self.alias_of(kind)}-{now.astimezone(UTC):%Y%m%d%H%M%S%f}"[:-3]

    async def create(self, name: str, body: Mapping[str, Any]) -> None:
        """Creates an index from ``settings`` and ``mappings``, set up for filling; no alias names it yet.

        The mapping's ``_meta`` gets the index's name; by it a write can tell this index from one made by accident.
        Returns when its primary shards have started: before that nothing can be read from it, though others see it.
        Raises ServiceUnavailableError also when they do not in ``shards_timeout`` seconds: no node has room for them.
        The index is there then, without an owner, and goes with the kind's next build.
        """
        mappings = {**body["mappings"], "_meta": {**body["mappings"].get("_meta", {}), "index": name}}
        settings = {**body["settings"], "index": {**body["settings"].get("index", {}), **BUILD_SETTINGS}}
        try:
            with self.cluster.errors(f"creating index {name}"):
                answer = await self.cluster.repeatable.indices.create(
                    index=name,
                    settings=settings,
                    mappings=mappings,
                    timeout=f"{self.shards_timeout}s",
                    wait_for_active_shards=1,
                )
                taken = answer["shards_acknowledged"]
        except SearchClusterError as error:
            if error.error_type != "resource_already_exists_exception" or not await self._has_meta(name, mappings):
                raise
            # An attempt whose answer was lost has made it.
            taken = await self._is_taken(name)
        if not taken:
            raise ServiceUnavailableError(f"creating index {name}: no node has taken it; are the disks full?")

    async def delete(self, name: str) -> None:
        """Removes an index; one that is gone is fine."""
        with self.cluster.errors(f"deleting index {name}"):
            await self.cluster.repeatable.indices.delete(index=name, ignore_unavailable=True)

    async def exists(self, name: str) -> bool:
        """Returns whether there is an index or alias of that name."""
        with self.cluster.errors(f"looking for index {name}"):
            return bool(await self.cluster.reads.indices.exists(index=name))

    async def list(self) -> Sequence[PhysicalIndex]:
        """Returns all indices of the store, oldest first.

        Also those that cannot be searched, closed or without their data.
        """
        with self.cluster.errors(f"listing the indices of {self.alias}"):
            found = (
                await self.cluster.reads.indices.get(
                    index=f"{self.alias}-*",
                    expand_wildcards="open,closed",
                    filter_path="*.aliases,*.mappings._meta,*.settings.index.uuid",
                )
            ).body
            indices = []
            for name, index in found.items():
                if match := self._name.fullmatch(name):
                    created = datetime.strptime(match["stamp"] + "000", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
                    meta = index.get("mappings", {}).get("_meta", {})
                    aliases = frozenset(index.get("aliases", ()))
                    indices.append(PhysicalIndex(name, match["kind"], created, meta, aliases))
        return sorted(indices, key=lambda index: (index.created, index.name))

    async def current(self, kind: str) -> Sequence[str]:
        """Returns the indices behind a kind's alias; normally one, none before the first build."""
        return await self._behind(self.alias_of(kind))

    async def behind_store(self) -> Sequence[str]:
        """Returns the indices behind the store's own alias: one of each kind that was built."""
        return await self._behind(self.alias)

    async def refresh(self, name: str) -> None:
        """Makes everything written so far visible to searches, counts and scans."""
        await reading.refresh(self.cluster, name)

    async def count(self, name: str) -> int:
        """Returns the number of documents that a search can see; 0 for an index or alias that is not there."""
        return await reading.count(self.cluster, name, if_there=True)

    async def finish_build(self, name: str, *, replicas: str = "0-1") -> None:
        """Gives a filled index what serving needs (periodic refresh, ``replicas`` as nodes allow) and refreshes it."""
        settings = {"index": {"refresh_interval": None, "auto_expand_replicas": replicas}}
        with self.cluster.errors(f"finishing index {name}"):
            await self.cluster.repeatable.indices.put_settings(index=name, settings=settings)
        await self.refresh(name)

    async def swap(self, new: Mapping[str, str]) -> dict[str, Sequence[str]]:
        """Puts one index for each kind behind the kind's alias and the store's, all in one call.

        Returns the indices that were behind each kind before. A search sees either all old or all new ones. Refused,
        with nothing changed, when someone else has swapped meanwhile, when an index is gone or was made by accident,
        or when an alias's name is taken by an index. An old index that vanishes meanwhile is no reason to refuse.
        """
        for kind, name in new.items():
            with self.cluster.errors(f"looking at index {name}"):
                made = await was_made(self.cluster.reads, name)
            if not made:
                raise SearchClusterError(f"swapping {self.alias_of(kind)}: there is no index {name} made for it")
        before = behind = await self._behind_all(new)
        while True:
            try:
                await self._move(new, behind)
                break
            except SearchClusterError as error:
                if error.status != 404:
                    raise
                earlier, behind = behind, await self._behind_all(new)
                if all(indices == [new[kind]] for kind, aliases in behind.items() for indices in aliases.values()):
                    # An attempt whose answer was lost has done it all.
                    break
                if error.error_type != "index_not_found_exception" or not _has_only_lost(earlier, behind):
                    raise
        return {kind: [index for index in before[kind][self.alias_of(kind)] if index != new[kind]] for kind in new}

    async def _move(self, new: Mapping[str, str], behind: _Behind) -> None:
        actions: list[dict[str, Any]] = []
        for kind, name in new.items():
            for alias, indices in behind[kind].items():
                olds = [index for index in indices if index != name]
                actions += [{"remove": {"index": old, "alias": alias, "must_exist": True}} for old in olds]
                actions.append({"add": {"index": name, "alias": alias}})
        with self._alias_errors():
            await self.cluster.repeatable.indices.update_aliases(actions=actions)

    async def _behind_all(self, kinds: Iterable[str]) -> _Behind:
        everywhere = await self.behind_store()
        behind: _Behind = {}
        for kind in kinds:
            own = self.alias_of(kind)
            current = list(await self.current(kind))
            # Also one whose name tells nothing: somebody put it behind both.
            shown = [index for index in everywhere if index.startswith(f"{own}-") or index in current]
            behind[kind] = {own: current, self.alias: shown}
        return behind

    async def _is_taken(self, name: str) -> bool:
        with self.cluster.errors(f"waiting for index {name}"):
            # A status that does not come in time is answered 408.
            answer = await self.cluster.reads.options(ignore_status=408, max_retries=0).cluster.health(
                index=name, wait_for_status="yellow", timeout=f"{self.shards_timeout}s"
            )
            return not answer["timed_out"]

    async def _has_meta(self, name: str, mappings: Mapping[str, Any]) -> bool:
        with self.cluster.errors(f"looking at index {name}"):
            found = await self.cluster.reads.indices.get_mapping(index=name, filter_path="*.mappings._meta")
            return found.body[name]["mappings"]["_meta"] == mappings["_meta"]

    async def _behind(self, alias: str) -> Sequence[str]:
        with self.cluster.errors(f"reading alias {alias}"):
            answer = await self.cluster.reads.options(ignore_status=404).indices.get_alias(name=alias)
            return sorted(answer.body.keys()) if answer.meta.status == 200 else []

    @contextmanager
    def _alias_errors(self) -> Iterator[None]:
        try:
            with self.cluster.errors(f"swapping the aliases of {self.alias}"):
                yield
        except SearchClusterError as error:
            if error.error_type == "invalid_alias_name_exception":
                raise SearchClusterError(
                    f"{self.alias}: an index has the name of one of its aliases; delete or rename that index ({error})",
                    status=error.status,
                    error_type=error.error_type,
                ) from error
            raise


def _has_only_lost(earlier: _Behind, now: _Behind) -> bool:
    """Returns whether some indices are behind their aliases no more, and nothing else has changed."""
    pairs = [(set(earlier[kind][alias]), set(now[kind][alias])) for kind in now for alias in now[kind]]
    return all(later <= before for before, later in pairs) and any(later < before for before, later in pairs)


async def was_made(client: AsyncElasticsearch, name: str) -> bool:
    """Returns whether an index exists that ``StoreIndices.create`` made, and not a write to a removed one.

    Raises the client's own exceptions: callers differ in what a failure means, and in the ``client`` they ask with.
    """
    from elasticsearch import NotFoundError  # noqa: PLC0415 - 0.3 CPU-s

    path = f"/{quote(name, safe='')}/_mapping?filter_path=*.mappings._meta.index"
    try:
        # Not through options(), which builds dozens of objects: this runs once for every bulk request.
        answer = await client.perform_request("GET", path, headers={"accept": "application/json"})
    except NotFoundError:
        return False
    return name in answer.body
