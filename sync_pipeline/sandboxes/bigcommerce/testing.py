"""The sandbox inside a test's own process: a server in a thread on a free port, and its control client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from sync_pipeline.sandboxes.bigcommerce.admin_client import SandboxAdmin
from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
from sync_pipeline.sandboxes.kit.server import address_of, build_server, listen

if TYPE_CHECKING:
    from types import TracebackType

    from sync_pipeline.sandboxes.kit.clock import Clock

STOP_SECONDS = 10.0


class SandboxServer:
    """A running sandbox for the length of a ``with`` block.

    It begins without stores: open them with ``server.admin``. ``base_url`` is what `BIGCOMMERCE_API_URL` takes. A
    ``clock`` of one's own makes rate windows and dates a matter of the test.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.sandbox = Sandbox(clock)
        self.base_url = ""

    def __enter__(self) -> Self:
        self._listener = listen()
        self.base_url = address_of(self._listener)
        self._server = build_server(self.sandbox)
        run = {"sockets": [self._listener]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run, name="bigcommerce-sandbox", daemon=True)
        self._thread.start()
        self.admin = SandboxAdmin(self.base_url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admin.close()
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._listener.close()
        if self._thread.is_alive():
            raise RuntimeError("the sandbox did not stop")
