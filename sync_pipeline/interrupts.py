"""SIGINT and SIGTERM inside an event loop: first the work is cancelled in order, then the signal's own handler runs.

A handler that raises in the middle of the loop (Dagster's does) leaves every coroutine where it stands: connections
open and batches unclosed.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class OrderlyInterrupts:
    """A context manager: while it is open, a signal calls ``cancel`` instead of its handler.

    Whoever then finds the work cancelled calls ``deliver``. Outside the main thread, where no signal arrives, it does
    nothing.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._before: dict[signal.Signals, Any] = {}
        self._arrived: signal.Signals | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._loop = asyncio.get_running_loop()
            for number in SIGNALS:
                self._before[number] = signal.getsignal(number)
                self._loop.add_signal_handler(number, self._arrive, number)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            self._loop.remove_signal_handler(number)
            signal.signal(number, handler)
        self._before.clear()

    def deliver(self) -> None:
        """Hands a signal that arrived to the handler that it was kept from, which may raise."""
        if self._arrived is not None:
            self.__exit__()
            signal.raise_signal(self._arrived)

    def _arrive(self, number: signal.Signals) -> None:
        self._arrived = number
        self._cancel()
