"""What a person presses in the Dagster UI, over the GraphQL of the webserver that `dev` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from sync_pipeline.local.engines import running
from sync_pipeline_tests.commands import Commands

REEXECUTE = """
mutation($parent: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $parent, strategy: ALL_STEPS}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
TERMINATE = """
mutation($run: String!, $policy: TerminateRunPolicy) {
  terminateRun(runId: $run, terminatePolicy: $policy) {
    __typename ... on TerminateRunFailure { message } ... on PythonError { message }
  }
}
"""
LAUNCH = """
mutation($job: String!, $tags: [ExecutionTag!], $config: RunConfigData, $checks: [AssetCheckHandleInput!]) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "sync_pipeline", repositoryName: "__repository__",
      jobName: $job, assetCheckSelection: $checks
    }
    executionMetadata: {tags: $tags}
    runConfigData: $config
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
mutation($assets: [AssetKeyInput!], $partitions: [String!]) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $partitions}) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
#: The job of whatever assets and checks a person picks.
PICKED = "__ASSET_JOB"


def ask(commands: Commands, query: str, field: str, wanted: str, **variables: Any) -> dict[str, Any]:
    """Returns the webserver's answer, which must be of the wanted type."""
    status = running(commands.folder / "state")
    assert status is not None
    address = f"http://127.0.0.1:{status.services['webserver'].port}/graphql"
    asked = httpx.post(address, json={"query": query, "variables": variables}, timeout=60)
    answer = asked.json()["data"][field]
    assert answer["__typename"] == wanted, asked.text
    return answer


def press_reexecute(commands: Commands, run_id: str) -> None:
    """Does what *Re-execute* of a run does."""
    ask(commands, REEXECUTE, "launchRunReexecution", "LaunchRunSuccess", parent=run_id)


def press_terminate(commands: Commands, run_id: str, policy: str = "SAFE_TERMINATE") -> None:
    """Does what *Terminate* of a run does, or the *Force terminate* that does not wait for it."""
    ask(commands, TERMINATE, "terminateRun", "TerminateRunSuccess", run=run_id, policy=policy)


def launch(commands: Commands, job: str, tags: Mapping[str, str], **config: Any) -> str:
    """Does what *Launch run* of a job's launchpad does; returns the run. ``config`` is asked of its batch."""
    return _launched(commands, "LaunchRunSuccess", job, tags, config=_of_batch(config))["run"]["runId"]


def launch_refused(commands: Commands, job: str, tags: Mapping[str, str], **config: Any) -> str:
    """Does the same with a config that the launchpad refuses; returns what it says."""
    [error] = _launched(commands, "RunConfigValidationInvalid", job, tags, config=_of_batch(config))["errors"]
    return error["message"]


def execute_checks(commands: Commands, asset: Sequence[str], names: Sequence[str], tags: Mapping[str, str]) -> str:
    """Executes checks of an asset without the asset; returns the run."""
    checks = [{"assetKey": {"path": list(asset)}, "name": name} for name in names]
    return _launched(commands, "LaunchRunSuccess", PICKED, tags, checks=checks)["run"]["runId"]


def backfill(commands: Commands, asset: Sequence[str], partitions: Sequence[str]) -> None:
    """Materializes several partitions of an asset, a run each."""
    assets = [{"path": list(asset)}]
    ask(
        commands,
        BACKFILL,
        "launchPartitionBackfill",
        "LaunchBackfillSuccess",
        assets=assets,
        partitions=list(partitions),
    )


def _launched(commands: Commands, wanted: str, job: str, tags: Mapping[str, str], **variables: Any) -> dict[str, Any]:
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    return ask(commands, LAUNCH, "launchRun", wanted, job=job, tags=listed, **variables)


def _of_batch(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"resources": {"batch": {"config": dict(config)}}} if config else {}
