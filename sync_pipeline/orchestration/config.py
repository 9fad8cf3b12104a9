"""What a person may say when starting a run: the run config that the launchpad shows, with defaults and descriptions.

It is a resource, so that it is said once for all steps of a run. A run that carries a batch does what the batch says.
"""

from typing import Any, Literal

import dagster as dg
from pydantic import Field

from sync_pipeline.batches.requests import Ask

#: The resource's name, and so its place in the run config: `resources: {batch: {config: {mode: incremental}}}`.
BATCH = "batch"


class BatchConfig(dg.ConfigurableResource):
    """What is asked of the batch of a run that a person starts. Runs that carry a batch already do not look at it."""

    # Dagster would ask for the names of an enum's members, not their values.
    mode: Literal["full", "incremental", "selective"] = Field(
        default="full",
        description="full: rebuild. incremental: what changed since the last batch. selective: the ids below.",
    )
    ids: list[str] = Field(
        default=[],
        description="With mode selective, and only then: numbers of the type's records, or ids such as page-3.",
    )
    dry_run: bool = Field(
        default=False, description="Say what it would do, as observations of the assets; write and materialize nothing."
    )
    confirm_deletes: bool = Field(
        default=False,
        description="Delete what is missing however much it is; without it, too much ends the batch (delete guard).",
    )
    options: dict[str, Any] = Field(
        default={},  # a factory's would not be shown
        description="The pipeline's own, such as take_over: true of store_search, which replaces the indices that "
        "another ledger made (with mode full, and all assets).",
    )

    def ask(self, scope_name: str, batch_type: str) -> Ask:
        """Makes what is asked of a scope, given without its noun."""
        return Ask(
            scope_name,
            batch_type,
            mode=self.mode,
            ids=list(self.ids) or None,
            options=dict(self.options),
            confirm_deletes=self.confirm_deletes,
            dry_run=self.dry_run,
        )
