"""Ports on 127.0.0.1: free ones, the same from start to start while they stay free, and written down."""

from __future__ import annotations

import socket
import zlib

from sync_pipeline.local.state import StateDir, read_json, write_json

HOST = "127.0.0.1"

#: Below the ranges from which systems take the ports of outgoing connections (Linux from 32768, macOS from 49152), so
#: that a port is not lost to one while its service restarts.
_FIRST, _LAST = 20000, 31999


def port_of(state: StateDir, service: str) -> int:
    """Returns a free port for the service: the one of its last start, or else the next free one, which is written down.

    The search begins at a number drawn from the folder's path and the service's name, so that state directories that
    start at the same moment do not look at the same ports. Raises OSError when none is free.
    """
    known = read_json(state.ports) or {}
    port = known.get(service)
    if isinstance(port, int) and is_free(port):
        return port
    begin = zlib.crc32(f"{state.path}\0{service}".encode()) % (_LAST - _FIRST + 1)
    taken = set(known.values())
    for offset in range(_LAST - _FIRST + 1):
        port = _FIRST + (begin + offset) % (_LAST - _FIRST + 1)
        if port not in taken and is_free(port):
            write_json(state.ports, {**known, service: port})
            return port
    raise OSError(f"no port from {_FIRST} to {_LAST} is free")


def is_free(port: int) -> bool:
    """Returns whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        # As servers do: a port whose last connections are still being forgotten is free.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return False
    return True
