"""Lists as they come: which bodies can be read, and what is said of a record that cannot."""

from __future__ import annotations

import msgspec
import pytest

from sync_pipeline.connectors.bigcommerce.answers import v2_page, v3_page
from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord, RecordReader
from sync_pipeline.connectors.bigcommerce.records import BlogPost, Product


@pytest.mark.invariant("6.6")
@pytest.mark.parametrize(
    ("text", "read"),
    [
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"\ude00 cut before", "\ufffd cut before"),
        (rb"\uD83D\uD83D\uDE00 and \ud83d\ude00", "\ufffd😀 and 😀"),
        (rb"\\ud83d \n \" \u00e9\ud83d", '\\ud83d \n " é\ufffd'),
    ],
)
def test_half_a_character_in_one_text_costs_neither_the_page_nor_the_record(text: bytes, read: str) -> None:
    half, whole = b'{"id":1,"is_published":true,"title":"%b"}' % text, b'{"id":2,"is_published":true}'
    for page in (v3_page(b'{"data":[%b,%b]}' % (half, whole)), v2_page(b"[%b,%b]" % (half, whole))):
        posts = [RecordReader(BlogPost).read(record) for record in page.records]
        assert posts == [BlogPost(id=1, is_published=True, title=read), BlogPost(id=2, is_published=True)]


@pytest.mark.parametrize("body", [b"", b"<html>", rb'{"data":[{"id":1,"name":"\ud83d', rb'{"data":["\ud83d",NaN]}'])
def test_what_is_no_list_stays_unreadable(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        v3_page(body)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (b'"is_visible":true,"price":1e999', "value for price cannot be used (number out of range)"),
        (b'"is_visible":true,"price":"NaN"', "value for price cannot be used (expected a number)"),
        (b'"is_visible":"no"', "value for is_visible cannot be used (expected bool, got str)"),
        (b'"name":"Jar"', "record lacks is_visible"),
        (b'"is_visible":true,"variants":[{"sku":"A"}]', "record lacks variants[0].id"),
        (b'"is_visible":true,"name":"\xff"', "record has text that cannot be read"),
    ],
)
def test_the_message_about_a_malformed_record_names_the_field_and_what_to_do(fields: bytes, problem: str) -> None:
    raw = b'{"id":12,%b}' % fields
    malformed = MalformedRecord(12, raw, f"BigCommerce's {problem}; correct it there")
    assert RecordReader(Product).read(msgspec.Raw(raw)) == malformed


@pytest.mark.parametrize("raw", [b"[]", b'"12"', b"null"])
def test_what_is_no_record_at_all_is_said_to_be_none(raw: bytes) -> None:
    malformed = RecordReader(Product).read(msgspec.Raw(raw))
    assert isinstance(malformed, MalformedRecord)
    assert malformed.id is None
    assert malformed.message.startswith("BigCommerce's record cannot be used (expected object, got ")
