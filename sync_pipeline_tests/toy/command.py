"""`python -m sync_pipeline_tests.toy.command FOLDER …`: `sync-pipeline` with the toy pipeline in its registry."""

from __future__ import annotations

import sys
from pathlib import Path

from sync_pipeline_tests.toy.made import register_toy

if __name__ == "__main__":
    register_toy(Path(sys.argv.pop(1)))
    from sync_pipeline.cli.main import main

    main()
