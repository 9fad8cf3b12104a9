"""Stop words and synonyms at work: as files, as a synonyms set, and in the indices.

Stop words are settings of an index, so a change copies the index inside the cluster and swaps; synonyms live in a set
that running searches follow.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.reindex import reindex
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.index.definition import MAPPING_VERSION, stop_words_hash
from sync_pipeline.pipelines.store_search.types import KINDS
from sync_pipeline.private_files import make_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sync_pipeline.pipelines.store_search.index.build import StoreBuild
    from sync_pipeline.pipelines.store_search.types import Part


class UnwritableFileError(SyncPipelineError):
    """A generated file cannot be written."""

    kind = "unwritable"


async def apply_stop_words(build: StoreBuild, *, rebuilt: Sequence[Part]) -> dict[str, Any]:
    """Writes `stop_words.txt`, and reindexes in the cluster every live index with another list.

    ``rebuilt`` names the imports that this batch does anyway; their indices are left alone. No call to BigCommerce.
    Figures: how many words there are, how many of them are the store's own, the documents of each kind that was
    reindexed, and why a kind was skipped.
    """
    write_lines(build.folder / "stop_words.txt", build.stop_words)
    wanted = stop_words_hash(build.stop_words)
    reindexed: dict[str, int] = {}
    skipped: dict[str, str] = {}
    for index in await build.indices.list():
        kind = next((kind for kind in KINDS if kind.word == index.kind), None)
        if kind is None or not index.aliases or kind.part in rebuilt:
            continue
        if index.meta.get("stop_words") == wanted:
            continue
        if (version := index.meta.get("mapping_version")) != MAPPING_VERSION:
            skipped[kind.word] = (
                f"mapping version {version}, not {MAPPING_VERSION}: the next full import builds it anew"
            )
            continue
        name = await build.create(kind, first_version=index.meta.get("first_version"))
        copied = await reindex(build.cluster, source=index.name, destination=name)
        published = await build.publish(kind, name, documents=copied.created)
        reindexed[kind.word] = published["documents"]
    own = len(build.own_stop_words)
    return {"words": len(build.stop_words), "own": own, "reindexed": reindexed, "skipped": skipped}


async def apply_synonyms(build: StoreBuild) -> dict[str, Any]:
    """Puts the rules into the store's synonyms set, and writes them as `synonyms.txt`."""
    await build.put_synonyms()
    write_lines(build.folder / "synonyms.txt", build.synonym_rules)
    return {"rules": len(build.synonym_rules)}


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes the lines as a file of mode 0600 in one step: a reader sees the old file or the new one.

    Raises UnwritableFileError, and leaves the old file as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        make_private(path.parent)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise UnwritableFileError(f"{path} cannot be written: {error.strerror}") from None
