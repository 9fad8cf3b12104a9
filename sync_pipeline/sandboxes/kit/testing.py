"""A sandbox inside a test's own process: its server in a thread on a free port."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from sync_pipeline.sandboxes.kit.server import address_of, build_server, listen

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import ASGIApp

STOP_SECONDS = 10.0


class RunningServer:
    """A running application for the length of a ``with`` block; ``base_url`` is where, without a slash at the end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.base_url = ""

    def __enter__(self) -> Self:
        self._listener = listen()
        self.base_url = address_of(self._listener)
        self._server = build_server(self._app)
        run = {"sockets": [self._listener]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._listener.close()
        if self._thread.is_alive():
            raise RuntimeError("the sandbox did not stop")
