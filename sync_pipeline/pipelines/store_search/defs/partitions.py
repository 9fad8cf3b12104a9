"""Partitions of `store_search`: by store only, never by product, event or batch."""

import dagster as dg

from sync_pipeline.orchestration.members import FormerPartitions
from sync_pipeline.pipelines.store_search.types import PIPELINE

#: Partition sets are global in a Dagster instance, so the name carries the pipeline's.
stores = dg.DynamicPartitionsDefinition(name=f"{PIPELINE}_stores")
former = FormerPartitions("stores", asset="search_index")
