"""Everything that one store sells and says: the collections of a catalogue, whatever they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.products import Products
    from sync_pipeline.sandboxes.bigcommerce.records import Records
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record


@dataclass(slots=True)
class Catalog:
    """``info`` is what `/v2/store` answers; its ``id`` is the store's hash."""

    info: Record
    channels: Records
    sites: Records
    trees: Records
    categories: Records
    brands: Records
    products: Products
    pages: Records
    posts: Records

    @property
    def hash(self) -> str:
        """The store's hash, as it stands in every path."""
        return self.info["id"]


def store_info(store_hash: str, name: str, *, domain: str = "", timezone: str = "UTC") -> Record:
    """Returns what `/v2/store` answers for an invented store."""
    domain = domain or f"{store_hash}.example.com"
    return {
        "id": store_hash, "domain": domain, "secure_url": f"https://{domain}", "name": name, "status": "live",
        "country": "United Kingdom", "country_code": "GB", "timezone": {"name": timezone, "raw_offset": 0},
        "language": "en", "currency": "GBP", "currency_symbol": "£", "decimal_separator": ".",
        "thousands_separator": ",", "decimal_places": 2, "currency_symbol_location": "left", "weight_units": "KGS",
        "dimension_units": "Centimeters", "plan_name": "Pro", "plan_level": "", "industry": "", "logo": [],
        "is_price_entered_with_tax": False, "store_id": 1, "default_site_id": 1000, "default_channel_id": 1,
        "active_comparison_modules": [], "features": {"multi_storefront_enabled": False, "stencil_enabled": True},
    }  # fmt: skip


def channel(number: int, name: str, *, kind: str = "storefront", status: str = "active") -> Record:
    """Returns a sales channel; channel 1 is the default storefront of every store."""
    return {
        "id": number, "name": name, "type": kind, "platform": "bigcommerce", "status": status, "external_id": "",
        "is_visible": True, "is_listable_from_ui": True, "icon_url": "", "date_created": "2024-01-02T09:00:00Z",
        "date_modified": "2024-01-02T09:00:00Z",
    }  # fmt: skip


def tree(number: int, name: str, channels: list[int]) -> Record:
    """Returns a category tree and the channels that show it."""
    return {"id": number, "name": name, "channels": channels}


def site(number: int, channel_id: int, url: str) -> Record:
    """Returns the address of a channel's storefront."""
    urls = [{"url": url, "type": "primary"}, {"url": url, "type": "canonical"}, {"url": url, "type": "checkout"}]
    return {
        "id": number, "channel_id": channel_id, "url": url, "ssl_status": "dedicated", "urls": urls,
        "is_checkout_url_customized": False, "created_at": "2024-01-02T09:00:00Z", "updated_at": "2024-01-02T09:00:00Z",
    }  # fmt: skip
