"""`store_search` as the registry has it. Everything that it names is imported when it is called."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING, Any

from sync_pipeline.pipeline import Finding, Pipeline
from sync_pipeline.pipelines.store_search.types import PIPELINE as NAME
from sync_pipeline.pipelines.store_search.types import BatchType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncSchedule
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.batches.requests import Ask, BatchRequest
    from sync_pipeline.batches.secrets import Keyring
    from sync_pipeline.delivery.preview import Preview
    from sync_pipeline.delivery.verify import Verification
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.settings import Settings


def _open(settings: Settings, ledger: Ledger, keyring: Keyring) -> StoreSearch:
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.stores import Stores

    return StoreSearch(settings, ledger, Stores(ledger, keyring))


def _request(ask: Ask) -> BatchRequest:
    from sync_pipeline.pipelines.store_search.requests import request

    return request(ask)


def _recurring(schedule: SyncSchedule) -> BatchRequest:
    from sync_pipeline.pipelines.store_search.requests import scheduled_request

    return scheduled_request(schedule)


def _replay(scope: str, key: str) -> BatchRequest:
    from sync_pipeline.pipelines.store_search.requests import replay_request

    return replay_request(scope, key)


def _scopes(ledger: Ledger) -> Sequence[str]:
    from sync_pipeline.pipelines.store_search.stores.stores import store_scopes

    return store_scopes(ledger)


def _check_scope(ledger: Ledger, scope: str) -> None:
    from sync_pipeline.pipelines.store_search.stores.stores import check_store_scope

    check_store_scope(ledger, scope)


def _title(ledger: Ledger, scope: str) -> str | None:
    from sync_pipeline.pipelines.store_search.stores.stores import store_name

    return store_name(ledger, scope)


def _definitions() -> Any:
    from sync_pipeline.pipelines.store_search.defs.definitions import build

    return build()


def _tables() -> Sequence[Any]:
    from sync_pipeline.pipelines.store_search.events import models as events
    from sync_pipeline.pipelines.store_search.stores import models, word_models

    return (models, word_models, events)


def _sealed() -> Sequence[Any]:
    from sync_pipeline.pipelines.store_search.stores.stores import SEALED

    return SEALED


def _dry_run(runtime: StoreSearch, request: BatchRequest) -> Mapping[str, Preview]:
    from sync_pipeline.pipelines.store_search.imports.dry_run import dry_run

    return {part.value: found for part, found in asyncio.run(dry_run(runtime, request)).items()}


def _verify(runtime: StoreSearch, part: BatchPart) -> Mapping[str, Verification]:
    from sync_pipeline.pipelines.store_search.sync import verify_indices

    return {found.value: result for found, result in asyncio.run(verify_indices(runtime, part)).items()}


def _health(runtime: StoreSearch) -> Iterable[Finding]:
    from sync_pipeline.pipelines.store_search.health import findings

    return findings(runtime)


def _tidy(runtime: StoreSearch) -> Mapping[str, int]:
    from sync_pipeline.pipelines.store_search.tidy import tidy

    return tidy(runtime)


def _unconfigured(settings: Settings) -> str | None:
    if settings.elasticsearch_url is None and importlib.util.find_spec("noida_db") is None:
        return "ELASTICSEARCH_URL is not set, and the extra `embedded` is not installed"
    return None


PIPELINE = Pipeline(
    name=NAME,
    noun="store",
    types=tuple(BatchType),
    needs=("elasticsearch",),
    open=_open,
    request=_request,
    recurring=_recurring,
    replay=_replay,
    scopes=_scopes,
    check_scope=_check_scope,
    title=_title,
    definitions=_definitions,
    tables=_tables,
    sealed=_sealed,
    dry_run=_dry_run,
    verify=_verify,
    health=_health,
    tidy=_tidy,
    unconfigured=_unconfigured,
)
