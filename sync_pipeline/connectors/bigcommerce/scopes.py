"""The OAuth scopes that a store's synchronisation needs. Which request needs which is told where the request is made.

Source: bigcommerce/docs, ``docs/start/authentication/api-accounts.mdx``. A token with the modifying form of a scope may
read too.
"""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """A read-only scope, by the name that BigCommerce's control panel and API use."""

    PRODUCTS = "store_v2_products_read_only"
    CONTENT = "store_v2_content_read_only"
    INFORMATION = "store_v2_information_read_only"
    CHANNELS = "store_channel_settings_read_only"
    SITES = "store_sites_read_only"
