"""A ledger's backup, taken and restored as `pg_dump --data-only` does it: all rows and where every sequence stood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import Engine, text

from sync_pipeline.batches.base import SCHEMA, Base


@dataclass(frozen=True)
class Backup:
    """The ledger as it was."""

    engine: Engine
    rows: dict[str, bytes]
    sequences: dict[str, int | None]

    @classmethod
    def of(cls, engine: Engine) -> Self:
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = :schema"), {"schema": SCHEMA}
            ).all()
            sequences = {row.sequencename: row.last_value for row in found}
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            rows: dict[str, bytes] = {}
            for table in Base.metadata.sorted_tables:
                with raw.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(_name(table.name))) as copy:
                    rows[table.name] = b"".join(bytes(block) for block in copy)
        return cls(engine, rows, sequences)

    def restore(self) -> None:
        """Brings the ledger back to what it was. Nobody works on it meanwhile."""
        with self.engine.begin() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            names = sql.SQL(", ").join(_name(name) for name in self.rows)
            raw.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
            for name, rows in self.rows.items():
                with raw.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(_name(name))) as copy:
                    copy.write(rows)
            for name, last in self.sequences.items():
                raw.execute("SELECT setval(%s, %s, %s)", (f"{SCHEMA}.{name}", last or 1, last is not None))


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, table)
