"""What a listing gives: pages of records, each with the version that its request drew, malformed ones told apart.

What belongs here: the page and the decoding of one record. What does not: which pages there are (``keyset``,
``collection``) and what the records mean (``records``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from sync_pipeline.connectors.bigcommerce.answers import Envelope, counted_v3_page

T = TypeVar("T")

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MISSING = "Object missing required field "


@dataclass(slots=True, frozen=True)
class MalformedRecord:
    """A record that cannot be understood.

    ``id`` if it could be told; ``raw`` as it came; ``message`` names the field, in one line for people.
    """

    id: int | None
    raw: bytes
    message: str


@dataclass(slots=True, frozen=True)
class RecordPage(Generic[T]):
    """Some records of a listing.

    ``version`` was drawn just before the request that read them. ``total`` is the number of records that the whole
    listing announced when it began. ``absent`` are the ids that were asked for by name and were not there.
    """

    version: int
    records: list[T | MalformedRecord]
    total: int | None = None
    absent: tuple[int, ...] = ()


@dataclass(slots=True, frozen=True)
class ReadList(Generic[T]):
    """A v3 list with its records read, its total, and the page size that the service used, if it told."""

    records: list[T | MalformedRecord]
    total: int
    per_page: int | None = None


class RecordReader(Generic[T]):
    """Decodes records of ``record_type``, whose id is in ``id_field``."""

    def __init__(self, record_type: type[T], *, id_field: str = "id") -> None:
        self._decoder = msgspec.json.Decoder(record_type)
        self._list_decoder = msgspec.json.Decoder(Envelope[record_type])
        self._id_field = id_field

    def read_list(self, body: bytes) -> ReadList[T]:
        """Returns a v3 list that must tell its total. Raises msgspec.DecodeError."""
        try:
            # All at once takes two thirds of the time; one by one tells the malformed apart.
            envelope = self._list_decoder.decode(body).counted()
            records: list[T | MalformedRecord] = [*envelope.data]
            return ReadList(records, envelope.pagination.total or 0, envelope.pagination.per_page)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raw = counted_v3_page(body)
            return ReadList([self.read(record) for record in raw.records], raw.total or 0, raw.per_page)

    def read(self, raw: msgspec.Raw) -> T | MalformedRecord:
        """Returns the record, or what is wrong with it."""
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return MalformedRecord(_loose_id(raw, self._id_field), bytes(raw), _in_words(error))

    def id_of(self, record: T | MalformedRecord) -> int | None:
        """Returns the record's id; None only for a malformed one."""
        return record.id if isinstance(record, MalformedRecord) else getattr(record, self._id_field)


def _loose_id(raw: msgspec.Raw, field: str) -> int | None:
    """Returns the id of a record that is otherwise malformed: a positive integer, also as text, or None."""
    try:
        # The other fields stay undecoded: one of them is the reason for being here.
        value: Any = msgspec.json.decode(_FIELDS.decode(raw).get(field, msgspec.Raw(b"null")))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return value if type(value) is int and value > 0 else None


def _in_words(error: Exception) -> str:
    """Returns what a decoder found wrong, for somebody who knows the record and not its JSON."""
    if not isinstance(error, msgspec.ValidationError):
        return "BigCommerce's record has text that cannot be read; correct it there"
    problem, _, place = " ".join(str(error).split()).replace("`", "").partition(" - at ")
    place = place.removeprefix("$").removeprefix(".")
    if problem.startswith(_MISSING):
        field = ".".join(part for part in (place, problem.removeprefix(_MISSING)) if part)
        return f"BigCommerce's record lacks {field}; correct it there"
    # The only texts with a pattern are numbers.
    reason = "expected a number" if "matching regex" in problem else problem[:1].lower() + problem[1:]
    return f"BigCommerce's {f'value for {place}' if place else 'record'} cannot be used ({reason}); correct it there"
