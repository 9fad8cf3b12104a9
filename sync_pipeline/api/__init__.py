"""The HTTP side of the project, a process of its own: thin, on the ledger alone, without Dagster or Elasticsearch."""
