"""The webhook receiver as a service of the supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.local import ports
from sync_pipeline.local.embedded import module, module_environment
from sync_pipeline.local.services import Ready, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_pipeline.local.engines import Engines


def run_api(engines: Engines, exports: Mapping[str, str], *, port: int = 0) -> str:
    """Runs the receiver on the environment of ``exports``; returns its address. Raises ServiceUnavailableError.

    ``port`` 0 is a free one that is kept from start to start.
    """
    service = Service(
        name="api",
        argv=module("sync_pipeline.cli", "api", "--host", ports.HOST, "--port", "{port}"),
        env={**module_environment(), **exports},
        cwd=exports["SYNC_PIPELINE_STATE_DIR"],
        ready=Ready(kind="http", path="/health/live"),
        port=port,
        stop_seconds=20.0,
    )
    return f"http://{ports.HOST}:{engines.run(service)}"
