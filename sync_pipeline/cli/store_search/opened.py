"""What this pipeline's verbs work with, opened in the surroundings of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.stores.stores import Stores

if TYPE_CHECKING:
    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch


def store_search(here: Environment) -> StoreSearch:
    """Returns the pipeline on this ledger and this search cluster.

    Starts the embedded one when no setting names one.
    """
    return here.open(PIPELINE)


def stores_of(here: Environment) -> Stores:
    """Returns the ledger's stores, with the keys to their secrets; needs no search cluster."""
    return Stores(here.ledger, here.keyring)
