"""A job without work, for runs of which only the beginning and the end matter."""

import dagster as dg


@dg.op
def nothing() -> None:
    """Nothing."""


@dg.job
def idle() -> None:
    """A run that ends at once."""
    nothing()
