"""The sandbox inside a test's own process: a server in a thread on a free port, and its control client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sync_pipeline.sandboxes.bigcommerce.admin_client import SandboxAdmin
from sync_pipeline.sandboxes.bigcommerce.app import build_app
from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
from sync_pipeline.sandboxes.kit.testing import RunningServer

if TYPE_CHECKING:
    from types import TracebackType

    from sync_pipeline.sandboxes.kit.clock import Clock


class SandboxServer(RunningServer):
    """A running sandbox for the length of a ``with`` block.

    It begins without stores: open them with ``server.admin``. ``base_url`` is what `BIGCOMMERCE_API_URL` takes. A
    ``clock`` of one's own makes rate windows and dates a matter of the test.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.sandbox = Sandbox(clock)
        super().__init__(build_app(self.sandbox))

    def __enter__(self) -> Self:
        super().__enter__()
        self.admin = SandboxAdmin(self.base_url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admin.close()
        super().__exit__(kind, error, trace)
