"""Everything that Dagster loads, in one short read.

`build_defs` makes it with other resources or pipelines for tests. Loading connects to nothing and imports no vendor's
client.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from sync_pipeline.batches.schema import upgrade_once
from sync_pipeline.core import Core, core_of
from sync_pipeline.local.folder import folder_settings
from sync_pipeline.logs import configure_logging
from sync_pipeline.orchestration.assembly import Assembly, assemble
from sync_pipeline.orchestration.config import BATCH, BatchConfig
from sync_pipeline.pipeline import Pipeline
from sync_pipeline.pipelines import registry
from sync_pipeline.settings import load_settings

# Dagster passes the parameter itself, and warns whoever loads a sensor.
warnings.filterwarnings("ignore", "Parameter `owners`", dg.BetaWarning)


def build_assembly(pipelines: Sequence[Pipeline] | None = None, **resources: Any) -> Assembly:
    """Returns the members and all definitions; ``resources`` replace those of the same name.

    Without ``pipelines``: of all.
    """
    pipelines = registry.PIPELINES if pipelines is None else pipelines
    made: dict[str, Any] = {"core": dg.ResourceDefinition(lambda _: _core(pipelines)), BATCH: BatchConfig()}
    made |= {pipeline.name: dg.ResourceDefinition(_opening(pipeline, pipelines)) for pipeline in pipelines}
    return assemble(pipelines, made | resources)


def build_defs(pipelines: Sequence[Pipeline] | None = None, **resources: Any) -> dg.Definitions:
    """Returns all definitions; ``resources`` replace those of the same name."""
    return build_assembly(pipelines, **resources).definitions


@dg.definitions
def defs() -> dg.Definitions:
    """Returns what `workspace.yaml` names; no variable has to be set."""
    return build_defs(registry.configured(load_settings()))


def _core(pipelines: Sequence[Pipeline], needs: Iterable[str] = ()) -> Core:
    """Opens the ledger, on the folder's own engines where the settings name none; ``needs`` are engines, too."""
    given = load_settings()
    configure_logging(given.log_level, given.sync_pipeline_log_file)
    core = core_of(folder_settings(given, needs), pipelines)
    if given.database_url is None:
        upgrade_once(core.ledger.engine)
    return core


def _opening(pipeline: Pipeline, pipelines: Sequence[Pipeline]) -> Any:
    def opened(_: dg.InitResourceContext) -> Any:
        core = _core(pipelines, pipeline.needs)
        return pipeline.open(core.settings, core.ledger, core.keyring)

    return opened
