"""Stop being root, yet keep reaching one's own files: for programs that refuse to run as root (PostgreSQL).

The state directory is 0700 and the programs may lie in a folder closed to others (a root user's home), so a plain
change of user would lock the program out of both. On Linux the process keeps the one capability that passes permission
checks on files, as an ambient one, which survives exec (capabilities(7)), and has it count for access(2), too, by which
PostgreSQL's initdb looks for the programs beside it. No user is made and no folder opened up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys

#: The user ``nobody``, which PostgreSQL's initdb must be able to look up.
NOBODY = 65534

_PR_SET_KEEPCAPS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 28, 47, 2
#: Capabilities do not follow changes of the user, real or pretended: access(2) pretends to be without any.
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def leave_root() -> None:
    """Become ``nobody`` if this process is root, keeping access to root's files; otherwise do nothing.

    Meant for a freshly forked process: there is no way back. Raises OSError when the system does not allow it, and
    says why on stderr, because ``subprocess`` keeps the reason from its caller.
    """
    if os.geteuid() != 0:
        return
    try:
        _become_nobody()
    except OSError as error:
        reason = f"cannot stop being root here ({error.strerror or error}); run as another user"
        print(reason, file=sys.stderr, flush=True)  # noqa: T201 (the service's log)
        raise


def _become_nobody() -> None:
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True) if linux else None
    if libc is not None:
        _check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
        # Some containers forbid it; then programs must lie in folders open to all.
        libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    if libc is None:
        return
    # Containers usually lack the narrower of the two.
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        with contextlib.suppress(OSError):
            _keep(libc, capability)
            return
    raise PermissionError("no file capability may be kept")


def _keep(libc: ctypes.CDLL, capability: int) -> None:
    mask = 1 << capability
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _check(libc.capset(header, struct.pack("6I", mask, mask, mask, 0, 0, 0)))
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
