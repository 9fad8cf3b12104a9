"""A small keyed collection in memory: categories, brands, pages, posts, trees, channels, sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sync_pipeline.sandboxes.bigcommerce.shapes import Record


class Records:
    """Records by number, in the order of their numbers. A number is never given twice."""

    def __init__(self, records: Iterable[Record] = (), *, key: str = "id") -> None:
        self.key = key
        self._by_id = {record[key]: record for record in sorted(records, key=lambda record: record[key])}
        #: The highest number that was given.
        self.last_id = max(self._by_id, default=0)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, number: int) -> bool:
        return number in self._by_id

    def all(self) -> list[Record]:
        """Returns every record, by number."""
        return list(self._by_id.values())

    def get(self, number: int) -> Record:
        """Returns one record; raises ApiError 404."""
        try:
            return self._by_id[number]
        except KeyError:
            raise ApiError(404) from None

    def put(self, record: Record) -> None:
        """Adds or replaces a whole record."""
        number = record[self.key]
        self._by_id[number] = record
        if number > self.last_id:
            self.last_id = number
        else:
            self._by_id = dict(sorted(self._by_id.items()))

    def next_id(self) -> int:
        """Returns a number that was never used."""
        self.last_id += 1
        return self.last_id

    def remove(self, number: int) -> None:
        """Deletes a record; raises ApiError 404. No trace is left, as in the real API."""
        self.get(number)
        del self._by_id[number]
