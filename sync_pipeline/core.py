"""What all pipelines share in one process: settings, the ledger, the keys to secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.batches.database import shared_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import Keyring, development_keys, parse_keys
from sync_pipeline.errors import UsageError
from sync_pipeline.pipeline import nouns_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sync_pipeline.pipeline import Pipeline
    from sync_pipeline.settings import Settings


@dataclass(frozen=True)
class Core:
    """The surroundings in which pipelines are opened."""

    settings: Settings
    ledger: Ledger
    keyring: Keyring
    #: By name.
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)


def core_of(settings: Settings, pipelines: Sequence[Pipeline]) -> Core:
    """Returns the core that complete settings describe; all of a process share one pool of connections.

    Connects to nothing yet. Raises UsageError without DATABASE_URL.
    """
    if settings.database_url is None:
        raise UsageError("DATABASE_URL is needed: `sync-pipeline env` prints it")
    ledger = Ledger(shared_engine(settings.database_url, pool_size=settings.db_pool_size), nouns=nouns_of(pipelines))
    return Core(settings, ledger, keyring_of(settings), {pipeline.name: pipeline for pipeline in pipelines})


def keyring_of(settings: Settings) -> Keyring:
    """Returns the keys that the settings give, else those of the state directory. Raises SecretKeysError."""
    keys = settings.sync_pipeline_secret_keys
    return development_keys(settings.state_dir) if keys is None else parse_keys(keys.get_secret_value())
