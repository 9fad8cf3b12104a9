"""What a pipeline brings to Dagster, and how the rest of the orchestration finds it there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from sync_pipeline.errors import UsageError
from sync_pipeline.pipeline import Pipeline


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

    def job(self, batch_type: str) -> str:
        """Returns the name of the job that runs a batch of that type. Raises UsageError when there is none."""
        if batch_type not in self.brought.jobs:
            raise UsageError(f"{self.pipeline.name} has no job for batches of type {batch_type!r}")
        return self.brought.jobs[batch_type].name
