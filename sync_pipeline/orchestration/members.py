"""What a pipeline brings to Dagster, and how the rest of the orchestration finds it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from sync_pipeline.batches.requests import SELECTION
from sync_pipeline.batches.rows import selected_parts
from sync_pipeline.errors import UsageError
from sync_pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from sync_pipeline.batches.models import SyncBatch


@dataclass(frozen=True)
class FormerPartitions:
    """The partition set of a pipeline before its name carried the pipeline's.

    ``asset`` is the key that one of its assets had then. Only an instance that knows it had the set of ours: any other
    set of that name is another location's.
    """

    name: str
    asset: str


@dataclass(frozen=True)
class PipelineDefinitions:
    """What one pipeline brings to Dagster.

    ``definitions`` are its assets, checks, jobs, and the schedules and sensors of its own; ``jobs`` has the job of
    each batch type; ``partitions`` has a partition for each of its scopes, named without the noun, and ``former`` is
    the set that had them before.
    """

    definitions: dg.Definitions
    jobs: Mapping[str, Any]
    partitions: dg.DynamicPartitionsDefinition
    former: FormerPartitions | None = None


@dataclass(frozen=True)
class Member:
    """A pipeline with what it brings to Dagster."""

    pipeline: Pipeline
    brought: PipelineDefinitions

    @property
    def partition_set(self) -> str:
        """The name of its partitions in the instance."""
        return self.brought.partitions.name or ""

    @cached_property
    def covered(self) -> dict[str, list[str]]:
        """The pipeline's assets, by name, with the batch types whose jobs bring each up to date."""
        assets = [one for one in self.brought.definitions.assets or () if isinstance(one, dg.AssetsDefinition)]
        covered: dict[str, list[str]] = {}
        for batch_type, job in self.brought.jobs.items():
            selection: dg.AssetSelection | None = getattr(job, "selection", None)
            for key in sorted(selection.resolve(assets)) if selection is not None else ():
                covered.setdefault(key.path[-1], []).append(batch_type)
        return covered

    def job_of(self, batch: SyncBatch) -> str:
        """Returns the name of the job that runs the batch. Raises UsageError when there is none."""
        if batch.type != SELECTION:
            return self.job(batch.type)
        if unknown := sorted(set(selected_parts(batch)) - self.covered.keys()):
            raise UsageError(f"{self.pipeline.name} has no part {unknown[0]!r}")
        return self.job(self.pipeline.types[0])

    def job(self, batch_type: str) -> str:
        """Returns the name of the job that runs a batch of that type. Raises UsageError when there is none."""
        if batch_type not in self.brought.jobs:
            raise UsageError(f"{self.pipeline.name} has no job for batches of type {batch_type!r}")
        return self.brought.jobs[batch_type].name
