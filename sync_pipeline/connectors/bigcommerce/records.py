"""BigCommerce's records as typed structs: what one element of a list or one single answer means.

What belongs here: the fields that the synchronisation reads, with the types that the API really gives. What does not:
envelopes, paging, requests, and any meaning beyond the field itself (prices, stock, visibility of ancestors).

Decode one record at a time with ``msgspec.json.Decoder(Product)``; unknown fields are skipped, as BigCommerce adds
fields unannounced. The types follow one rule: what a document needs to be right (ids, names, visibility, prices) must
have a usable type, or the record raises ``msgspec.ValidationError`` that names the field; everything else may be null
or absent. A visibility flag has no default, so that a record without one is neither published nor dropped unseen.

Source of the shapes: bigcommerce/docs, ``reference/catalog``, ``pages.v3.yml``, ``store_content.v2.yml``,
``store_information.v2.yml``, ``channels.v3.yml``, ``sites.v3.yml``. Deliberately not read: ``map_price`` (a number or
``{}``) and ``logo`` (an object or ``[]``).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

_INT64 = 2**63 - 1
_DECIMAL = r"^\s*(-?([0-9]+(\.[0-9]*)?|\.[0-9]+))?\s*$"

#: The id of a record itself: a positive 64-bit integer.
RecordId = Annotated[int, Meta(ge=1, le=_INT64)]
#: A reference to another record; 0 means none.
Reference = Annotated[int, Meta(ge=0, le=_INT64)]
#: A number as the API may give it: a number, a decimal as text ("0.849"), or nothing ("" or null).
Number = Annotated[int, Meta(ge=-_INT64, le=_INT64)] | float | Annotated[str, Meta(pattern=_DECIMAL)] | None
#: A value that is shown as text whatever its type.
Scalar = str | int | float | bool | None
#: A date in whichever spelling; four are documented for blog posts alone. What cannot be read means no date.
LooseDate = Any


class Store(Struct, frozen=True, gc=False):
    """``GET /v2/store``. ``id`` is the store hash; ``default_channel_id`` tells whose site gives absolute URLs.

    ``timezone`` is an object with a ``name``; only the time of a new store's schedules comes from it.
    """

    id: str
    name: str | None = None
    domain: str | None = None
    secure_url: str | None = None
    status: str | None = None
    currency: str | None = None
    language: str | None = None
    plan_name: str | None = None
    default_channel_id: Reference | None = None
    default_site_id: Reference | None = None
    timezone: Any = None


class Channel(Struct, frozen=True, gc=False):
    """``GET /v3/channels``. Channel 1 is the default storefront and always there."""

    id: RecordId
    name: str | None = None
    type: str | None = None
    platform: str | None = None
    status: str | None = None


class SiteUrl(Struct, frozen=True, gc=False):
    """One of a site's addresses; ``type`` is primary, canonical or checkout."""

    url: str | None = None
    type: str | None = None


class Site(Struct, frozen=True, gc=False):
    """``GET /v3/channels/{id}/site`` or ``GET /v3/sites``."""

    id: RecordId
    channel_id: Reference | None = None
    url: str | None = None
    urls: list[SiteUrl] | None = None


class Tree(Struct, frozen=True, gc=False):
    """``GET /v3/catalog/trees``: a category tree and the channels that show it."""

    id: RecordId
    name: str | None = None
    channels: list[Reference] | None = None


class CategoryUrl(Struct, frozen=True, gc=False):
    """A category's address, relative to its site."""

    path: str | None = None


class Category(Struct, frozen=True, gc=False):
    """``GET /v3/catalog/trees/categories``. ``parent_id`` 0 is a root; ``is_visible`` says nothing about ancestors."""

    category_id: RecordId
    is_visible: bool
    parent_id: Reference | None = None
    tree_id: Reference | None = None
    name: str | None = None
    description: str | None = None
    url: CategoryUrl | None = None


class Brand(Struct, frozen=True, gc=False):
    """``GET /v3/catalog/brands``."""

    id: RecordId
    name: str | None = None


class OptionValue(Struct, frozen=True, gc=False):
    """One choice of a variant: ``option_display_name`` "Color", ``label`` "Beige"."""

    label: Scalar = None
    option_display_name: Scalar = None


class Variant(Struct, frozen=True, gc=False):
    """A product's variant. Null prices inherit the product's; ``option_values`` is empty for the base variant.

    ``product_id`` 0 is an orphan that belongs to no product.
    """

    id: RecordId
    product_id: Reference | None = None
    sku: str | None = None
    price: Number = None
    sale_price: Number = None
    calculated_price: Number = None
    purchasing_disabled: bool | None = None
    inventory_level: Number = None
    option_values: list[OptionValue] | None = None


class CustomField(Struct, frozen=True, gc=False):
    """A merchant's own name and value. A name may repeat: only the pair is unique."""

    name: Scalar = None
    value: Scalar = None


class Image(Struct, frozen=True, gc=False):
    """A product's image, with absolute URLs."""

    is_thumbnail: bool | None = None
    sort_order: Number = None
    url_standard: str | None = None


class CustomUrl(Struct, frozen=True, gc=False):
    """A product's address, relative to its site."""

    url: str | None = None


class Product(Struct, frozen=True, gc=False):
    """``GET /v3/catalog/products`` with ``include=variants,custom_fields,images,channels``.

    Prices are in the store's currency; 0 and null mean unset. ``inventory_tracking`` is none, product or variant;
    ``availability`` available, disabled or preorder; ``brand_id`` 0 is no brand. ``channels`` and the other included
    lists are None when they were not asked for.
    """

    id: RecordId
    is_visible: bool
    name: str | None = None
    type: str | None = None
    sku: str | None = None
    description: str | None = None
    price: Number = None
    sale_price: Number = None
    calculated_price: Number = None
    is_price_hidden: bool | None = None
    categories: list[Reference] | None = None
    brand_id: Reference | None = None
    inventory_level: Number = None
    inventory_tracking: str | None = None
    availability: str | None = None
    reviews_rating_sum: Number = None
    reviews_count: Number = None
    total_sold: Number = None
    is_featured: bool | None = None
    search_keywords: str | None = None
    condition: str | None = None
    custom_url: CustomUrl | None = None
    date_created: LooseDate = None
    date_modified: LooseDate = None
    variants: list[Variant] | None = None
    custom_fields: list[CustomField] | None = None
    images: list[Image] | None = None
    channels: list[Reference] | None = None


class Page(Struct, frozen=True, gc=False):
    """``GET /v3/content/pages``; ``body`` only with ``include=body``. ``type``: page, raw, contact_form, link, blog."""

    id: RecordId
    is_visible: bool
    channel_id: Reference | None = None
    parent_id: Reference | None = None
    name: str | None = None
    type: str | None = None
    is_customers_only: bool | None = None
    url: str | None = None
    meta_description: str | None = None
    body: str | None = None


class BlogPost(Struct, frozen=True, gc=False):
    """``GET /v2/blog/posts``. ``published_date`` is an object or text; the list holds drafts and future posts."""

    id: RecordId
    is_published: bool
    title: str | None = None
    url: str | None = None
    body: str | None = None
    summary: str | None = None
    author: str | None = None
    tags: list[Scalar] | None = None
    published_date: LooseDate = None
    published_date_iso8601: LooseDate = None
