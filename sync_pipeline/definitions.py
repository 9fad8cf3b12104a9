"""Everything that Dagster loads, in one short read.

`build_defs` makes it with other resources for tests. Loading connects to nothing and imports no vendor's client.
"""

from __future__ import annotations

import os
from typing import Any

import dagster as dg

from sync_pipeline.errors import UsageError
from sync_pipeline.logs import configure_logging
from sync_pipeline.pipelines.store_search.defs import assets, automation, checks
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.settings import load_settings


class StoreSearchResource(dg.ConfigurableResource):
    """`store_search` on the ledger and the search cluster that the environment names."""

    def create_resource(self, context: dg.InitResourceContext) -> StoreSearch:
        """The pipeline; it connects when it is first used."""
        settings = load_settings()
        configure_logging(settings.log_level, settings.sync_pipeline_log_file)
        return StoreSearch.from_settings(settings)


def build_defs(**resources: Any) -> dg.Definitions:
    """All definitions; ``resources`` replace those of the same name."""
    return dg.Definitions(
        assets=assets.assets,
        asset_checks=checks.checks,
        jobs=[*automation.jobs, automation.maintenance],
        schedules=automation.schedules,
        sensors=automation.sensors,
        resources={"store_search": StoreSearchResource(), **resources},
        # Each step process would cost 2.3 CPU-seconds; the imports share one and overlap in it.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` names."""
    missing = [name for name in ("DAGSTER_DATABASE_URL", "DATABASE_URL", "ELASTICSEARCH_URL") if name not in os.environ]
    if missing:
        raise UsageError(f'{", ".join(missing)} not set: run `eval "$(sync-pipeline env)"` in this folder first')
    load_settings()
    return build_defs()
