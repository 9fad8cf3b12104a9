"""What every pipeline's definitions owe the people who look at them in the UI."""

from __future__ import annotations

import dagster as dg


def check_described(definitions: dg.Definitions) -> None:
    """Asserts that jobs, schedules, sensors, assets and checks say what they are, and assets whose and of what kind."""
    graph = definitions.resolve_asset_graph()
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    checks = [graph.get(key) for key in graph.asset_check_keys]
    jobs = [job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")]
    named = {
        **{f"job {job.name}": job.description for job in jobs},
        **{f"op {node.name} of {job.name}": node.description for job in jobs for node in job.all_node_defs},
        **{f"schedule {one.name}": one.description for one in definitions.schedules or ()},  # pyright: ignore
        **{f"sensor {one.name}": one.description for one in definitions.sensors or ()},
        **{f"asset {key.to_user_string()}": spec.description for key, spec in specs.items()},
        **{f"check {check.key}": check.description for check in checks},
    }
    assert [name for name, description in named.items() if not (description or "").strip()] == []
    assert [key for key, spec in specs.items() if not (spec.owners and spec.kinds and spec.group_name)] == []
    # A run or a check of no partition would be of no scope, or of all at once.
    assert [key for key, spec in specs.items() if spec.partitions_def is None] == []
    assert [check.key for check in checks if check.partitions_def is None] == []
    materializable = graph.materializable_asset_keys
    covered = {check.key.asset_key for check in checks if check.key.name == "fresh"}
    assert covered == set(materializable)
