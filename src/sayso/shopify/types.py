"""The shapes in which Shopify's answers and bulk files are decoded: just the fields of ``documents/*.graphql``.

msgspec decodes a customer line of a bulk file into these at several times the speed of plain JSON, times and amounts
included. Every field that Shopify may leave out or null has a default; an unknown one is skipped.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Node(msgspec.Struct, rename="camel", gc=False):
    """Base of all: camelCase on the wire; not tracked by the cyclic collector, for there are no cycles."""


class Money(Node):
    amount: Decimal | None = None
    currency_code: str | None = None


class MoneyBag(Node):
    shop_money: Money | None = None


class Reference(Node):
    id: str


class Address(Node):
    first_name: str | None = None
    last_name: str | None = None
    country_code_v2: str | None = msgspec.field(name="countryCodeV2", default=None)
    province_code: str | None = None
    city: str | None = None
    address1: str | None = None
    zip: str | None = None
    phone: str | None = None


class Consent(Node):
    state: str | None = None
    opt_in_level: str | None = None
    updated_at: datetime | None = None
    collected_from: str | None = None


class EmailAddress(Node):
    email_address: str | None = None
    marketing_state: str | None = None
    marketing_opt_in_level: str | None = None
    marketing_updated_at: datetime | None = None


class PhoneNumber(Node):
    phone_number: str | None = None
    sms_marketing_consent: Consent | None = None
    whats_app_marketing_consent: Consent | None = None
    # The consent for SMS as versions before 2026-10 write it.
    marketing_state: str | None = None
    marketing_opt_in_level: str | None = None
    marketing_updated_at: datetime | None = None
    marketing_collected_from: str | None = None


class LastOrder(Node):
    processed_at: datetime | None = None


class Customer(Node):
    id: str
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    note: str | None = None
    state: str | None = None
    tags: list[str] = []
    number_of_orders: str | int | None = None  # UnsignedInt64: a text
    created_at: datetime | None = None
    updated_at: datetime | None = None
    amount_spent: Money | None = None
    last_order: LastOrder | None = None
    default_email_address: EmailAddress | None = None
    default_phone_number: PhoneNumber | None = None
    default_address: Address | None = None


class LineItem(Node):
    id: str | None = None
    title: str | None = None
    variant_title: str | None = None
    vendor: str | None = None
    quantity: int = 0
    sku: str | None = None
    original_unit_price_set: MoneyBag | None = None
    product: Reference | None = None
    variant: Reference | None = None


class Tracking(Node):
    company: str | None = None
    number: str | None = None
    url: str | None = None


class Fulfillment(Node):
    id: str
    status: str | None = None
    display_status: str | None = None
    created_at: datetime | None = None
    tracking_info: list[Tracking] = []


class PageInfo(Node):
    has_next_page: bool = False
    end_cursor: str | None = None


class LineItems(Node):
    nodes: list[LineItem] = []
    page_info: PageInfo | None = None


class Order(Node):
    id: str
    name: str = ""
    number: int | None = None
    email: str | None = None
    phone: str | None = None
    customer_locale: str | None = None
    customer_accepts_marketing: bool | None = None
    created_at: datetime | None = None
    processed_at: datetime | None = None
    updated_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    test: bool = False
    source_name: str | None = None
    tags: list[str] = []
    checkout_token: str | None = None
    status_page_url: str | None = None
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    customer: Reference | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    total_price_set: MoneyBag | None = None
    fulfillments: list[Fulfillment] = []
    line_items: LineItems | None = None  # of a page; in a bulk file the lines follow the order


class Count(Node):
    count: int = 0


class Image(Node):
    url: str | None = None


class Preview(Node):
    image: Image | None = None


class Media(Node):
    preview: Preview | None = None


class InventoryItem(Node):
    id: str | None = None
    tracked: bool | None = None


class SelectedOption(Node):
    name: str = ""
    value: str = ""


class Variant(Node):
    """Also decodes a child of a product of which only the id is told: one of its collections."""

    id: str
    title: str | None = None
    sku: str | None = None
    position: int | None = None
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    inventory_policy: str | None = None
    inventory_quantity: int | None = None
    updated_at: datetime | None = None
    selected_options: list[SelectedOption] = []
    inventory_item: InventoryItem | None = None
    product: Reference | None = None


class Variants(Node):
    nodes: list[Variant] = []
    page_info: PageInfo | None = None


class References(Node):
    nodes: list[Reference] = []
    page_info: PageInfo | None = None


class Product(Node):
    id: str
    title: str = ""
    handle: str = ""
    status: str | None = None
    vendor: str | None = None
    product_type: str | None = None
    tags: list[str] = []
    description_html: str | None = None
    online_store_url: str | None = None
    is_gift_card: bool = False
    updated_at: datetime | None = None
    featured_media: Media | None = None
    variants_count: Count | None = None
    variants: Variants | None = None  # of a page; in a bulk file they follow the product
    collections: References | None = None


class Collection(Node):
    id: str
    title: str = ""
    handle: str = ""
    updated_at: datetime | None = None
    products_count: Count | None = None
    products: References | None = None


class AbandonedCheckout(Node):
    id: str
    name: str | None = None
    abandoned_checkout_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    customer: Reference | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    total_price_set: MoneyBag | None = None
    line_items: LineItems | None = None


decode_customer = msgspec.json.Decoder(Customer).decode
decode_order = msgspec.json.Decoder(Order).decode
decode_line_item = msgspec.json.Decoder(LineItem).decode
decode_product = msgspec.json.Decoder(Product).decode
decode_product_child = msgspec.json.Decoder(Variant).decode
decode_collection = msgspec.json.Decoder(Collection).decode
