"""Dagster's three processes as services of the supervisor: code server, daemon, webserver.

They are separate, as in production, so that each can die and come back alone. The webserver has no authentication of
its own and therefore listens on loopback only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.local import ports
from sync_pipeline.local.embedded import module, module_environment
from sync_pipeline.local.services import Ready, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_pipeline.local.engines import Engines

LOCATION = "sync_pipeline"


def run_dagster(engines: Engines, exports: Mapping[str, str]) -> str:
    """Runs Dagster on the environment of ``exports``; returns the address of its UI. Raises ServiceUnavailableError."""
    environment = {**module_environment(), **exports}
    home = exports["DAGSTER_HOME"]
    code_port = engines.run(_code_server(environment, home))
    workspace = Path(home) / "workspace.yaml"
    entry = {"grpc_server": {"host": ports.HOST, "port": code_port, "location_name": LOCATION}}
    workspace.write_text(json.dumps({"load_from": [entry]}), encoding="utf-8")  # JSON is YAML
    engines.run(_daemon(environment, home, workspace))
    return f"http://{ports.HOST}:{engines.run(_webserver(environment, home, workspace))}"


def _code_server(environment: Mapping[str, str], home: str) -> Service:
    return Service(
        name="code_server",
        argv=(
            *module("dagster", "api", "grpc", "--module-name", "sync_pipeline.definitions"),
            *("--host", ports.HOST, "--port", "{port}", "--location-name", LOCATION, "--log-level", "warning"),
            "--use-python-environment-entry-point",
        ),
        env=environment,
        cwd=home,
        ready=Ready(kind="tcp"),
        start_seconds=120.0,
        stop_seconds=10.0,
    )


def _daemon(environment: Mapping[str, str], home: str, workspace: Path) -> Service:
    return Service(
        name="daemon",
        argv=(_script("dagster-daemon"), "run", "--workspace", str(workspace), "--log-level", "warning"),
        env=environment,
        cwd=home,
        ready=Ready(kind="alive"),
        needs=("code_server",),
        stop_seconds=15.0,
    )


def _webserver(environment: Mapping[str, str], home: str, workspace: Path) -> Service:
    return Service(
        name="webserver",
        argv=(
            *(_script("dagster-webserver"), "--host", ports.HOST, "--port", "{port}", "--workspace", str(workspace)),
            *("--log-level", "warning"),
        ),
        env=environment,
        cwd=home,
        ready=Ready(kind="http", path="/server_info"),
        needs=("code_server",),
        start_seconds=120.0,
        stop_seconds=15.0,
    )


def _script(name: str) -> str:
    """Returns a command that was installed beside this interpreter."""
    return str(Path(sys.executable).parent / name)
