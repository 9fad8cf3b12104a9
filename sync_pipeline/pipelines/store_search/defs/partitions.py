"""Partitions of `store_search`: by store only, never by product, event or batch."""

import dagster as dg

stores = dg.DynamicPartitionsDefinition(name="stores")
