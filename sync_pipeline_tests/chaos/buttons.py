"""What a person presses in the Dagster UI, over the GraphQL of the webserver that `dev` runs."""

from __future__ import annotations

from collections.abc import Mapping
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
mutation($job: String!, $tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "sync_pipeline", repositoryName: "__repository__", jobName: $job}
    executionMetadata: {tags: $tags}
  }) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""


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


def launch(commands: Commands, job: str, tags: Mapping[str, str]) -> str:
    """Does what *Launch run* of a job's launchpad does; returns the run."""
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    answer = ask(commands, LAUNCH, "launchRun", "LaunchRunSuccess", job=job, tags=listed)
    return answer["run"]["runId"]
