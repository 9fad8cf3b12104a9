"""The table "recovery times" at the end of a test run: how long after a kill or an outage all was well again.

A test records its own with `record_property(RECOVERY, {"fault": …, "seconds until …": 1.2})`; properties come along
from the processes that share a suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

RECOVERY = "recovery"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Prints the table, if a test recorded something for it."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    told = [
        value
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == RECOVERY
    ]
    if not told:
        return
    terminalreporter.section("recovery times")
    names = list(told[0])
    rows = [names, *([str(row[name]) for name in names] for row in told)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        terminalreporter.write_line("  ".join([first.ljust(widths[0]), *cells]))
