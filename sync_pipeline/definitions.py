"""Everything that Dagster loads, in one short read.

`build_defs` makes it with other resources or pipelines for tests. Loading connects to nothing and imports no vendor's
client.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

from sync_pipeline.core import Core, core_of
from sync_pipeline.errors import UsageError
from sync_pipeline.logs import configure_logging
from sync_pipeline.orchestration.assembly import Assembly, assemble
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
    made: dict[str, Any] = {"core": dg.ResourceDefinition(lambda _: _core(pipelines))}
    made |= {pipeline.name: dg.ResourceDefinition(_opening(pipeline, pipelines)) for pipeline in pipelines}
    return assemble(pipelines, made | resources)


def build_defs(pipelines: Sequence[Pipeline] | None = None, **resources: Any) -> dg.Definitions:
    """Returns all definitions; ``resources`` replace those of the same name."""
    return build_assembly(pipelines, **resources).definitions


@dg.definitions
def defs() -> dg.Definitions:
    """Returns what `workspace.yaml` names."""
    missing = [name for name in ("DAGSTER_DATABASE_URL", "DATABASE_URL") if name not in os.environ]
    if missing:
        raise UsageError(f'{", ".join(missing)} not set: run `eval "$(sync-pipeline env)"` in this folder first')
    return build_defs(registry.configured(load_settings()))


def _core(pipelines: Sequence[Pipeline]) -> Core:
    settings = load_settings()
    configure_logging(settings.log_level, settings.sync_pipeline_log_file)
    return core_of(settings, pipelines)


def _opening(pipeline: Pipeline, pipelines: Sequence[Pipeline]) -> Any:
    def opened(_: dg.InitResourceContext) -> Any:
        core = _core(pipelines)
        return pipeline.open(core.settings, core.ledger, core.keyring)

    return opened
