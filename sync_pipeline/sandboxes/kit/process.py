"""A sandbox as a process of its own, ``python -m sync_pipeline.sandboxes.NAME``, until SIGTERM or Ctrl-C.

One line on standard output says as JSON where it listens and whom it serves.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.kit.server import address_of, build_server, listen

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from sync_pipeline.sandboxes.kit.tenants import Sandbox

S = TypeVar("S", bound="Sandbox[Any]")


def parser_of(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every sandbox has; ``name`` is the module's."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    return parser


def run(
    parser: argparse.ArgumentParser, build: Callable[[argparse.Namespace], S], build_app: Callable[[S], ASGIApp]
) -> int:
    """Run the sandbox that the command line asks for; return 0 after an orderly end, 2 for wrong usage, else 1.

    ``build`` makes it of the arguments and may raise UsageError.
    """
    arguments = parser.parse_args()
    try:
        sandbox = build(arguments)
        listener = listen(arguments.host, arguments.port)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    told = {"url": address_of(listener), sandbox.noun: sorted(sandbox.tenants)}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    sys.stdout.flush()
    # uvicorn raises the signal again after its shutdown; this makes that an orderly end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    build_server(build_app(sandbox)).run(sockets=[listener])
    try:
        sandbox.end()
    except OSError as error:
        sys.stderr.write(f"{error.filename} cannot be written, the next start begins anew: {error.strerror}\n")
        return 1
    return 0
