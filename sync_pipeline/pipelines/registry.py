"""The pipelines of the project. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.logs import Log
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE as STORE_SEARCH

if TYPE_CHECKING:
    from sync_pipeline.pipeline import Pipeline
    from sync_pipeline.settings import Settings

PIPELINES: tuple[Pipeline, ...] = (STORE_SEARCH,)

log = Log("sync_pipeline")


def configured(settings: Settings) -> list[Pipeline]:
    """Returns the pipelines that have something to do; logs one line for each that has not."""
    found = []
    for pipeline in PIPELINES:
        reason = pipeline.unconfigured(settings)
        if reason is None:
            found.append(pipeline)
        else:
            log.info("pipeline left out", pipeline=pipeline.name, reason=reason)
    return found
