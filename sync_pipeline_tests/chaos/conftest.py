"""Processes that tests may kill: the command line and `dev` on the session's engines, with a sandbox store."""

from sync_pipeline_tests.cli.conftest import commands, sandbox, store

__all__ = ["commands", "sandbox", "store"]
