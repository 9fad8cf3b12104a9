"""Every command loads this room, so it may cost next to nothing."""

from __future__ import annotations

import subprocess
import sys

_LOAD = """
import importlib, pkgutil, sys
before = set(sys.modules)
import sync_pipeline.local as room
for module in pkgutil.iter_modules(room.__path__, "sync_pipeline.local."):
    importlib.import_module(module.name)
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(loaded - set(sys.stdlib_module_names)))
"""


def test_room_loads_the_standard_library_and_psutil_only() -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, timeout=60, check=True)
    assert loaded.stdout.split() == ["psutil", "sync_pipeline"]
