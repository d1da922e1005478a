"""What the fake shop remembers. Money is in cents, times are ISO strings in UTC."""

import msgspec


class Consent(msgspec.Struct, array_like=True):
    """One channel's consent. `state` uses the enum of that channel's newest reading type."""

    state: str
    level: str | None = None
    updated: str | None = None
    collected_from: str | None = None


class Address(msgspec.Struct, omit_defaults=True):
    """A postal address. `phone` is free text, often without a calling code."""

    id: int
    first: str | None
    last: str | None
    country_code: str
    country: str
    city: str
    zip: str
    address1: str
    address2: str | None = None
    company: str | None = None
    province: str | None = None
    province_code: str | None = None
    phone: str | None = None


class Customer(msgspec.Struct, omit_defaults=True):
    """A customer of one shop. `phone` is E.164 and unique in the shop."""

    id: int
    created: str
    updated: str
    first: str | None = None
    last: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str = "en"
    state: str = "DISABLED"
    note: str | None = None
    tags: list[str] = []
    verified: bool = True
    orders: int = 0
    spent: int = 0
    last_order: int | None = None
    address: Address | None = None
    sms: Consent = msgspec.field(default_factory=lambda: Consent("NEVER_SUBSCRIBED"))
    whatsapp: Consent = msgspec.field(default_factory=lambda: Consent("NEVER_SUBSCRIBED"))
    mail: Consent = msgspec.field(default_factory=lambda: Consent("NOT_SUBSCRIBED"))

    @property
    def name(self) -> str:
        """What Shopify shows: the name, else e-mail, else phone."""
        full = " ".join(part for part in (self.first, self.last) if part)
        return full or self.email or self.phone or ""


class Line(msgspec.Struct, array_like=True):
    """A line of an order. `variant` points into the catalogue the sandbox began with; a line of something that was added
    later carries what it needs of it."""

    id: int
    variant: int
    quantity: int
    price: int
    product: int | None = None
    title: str | None = None
    variant_title: str | None = None
    vendor: str | None = None
    sku: str | None = None


class Variant(msgspec.Struct, omit_defaults=True):
    """One thing to buy. `levels` is what each location has of it."""

    id: int
    product: int
    title: str
    price: int
    created: str
    updated: str
    sku: str | None = None
    compare_at: int | None = None
    policy: str = "DENY"
    tracked: bool = True
    levels: dict[int, int] = {}

    @property
    def stock(self) -> int:
        """What all locations have together."""
        return sum(self.levels.values())

    @property
    def item(self) -> int:
        """The id of its inventory item."""
        return self.id + 1


class Product(msgspec.Struct, omit_defaults=True):
    """A product of one shop with its variants, which differ in one option."""

    id: int
    title: str
    handle: str
    created: str
    updated: str
    vendor: str = ""
    kind: str = ""
    tags: list[str] = []
    status: str = "ACTIVE"
    html: str = ""
    image: str | None = None
    gift_card: bool = False
    option: str = "Option"
    variants: list[Variant] = []


class Collection(msgspec.Struct, omit_defaults=True):
    """A collection of one shop; `products` are the ids of its members."""

    id: int
    title: str
    handle: str
    created: str
    updated: str
    products: list[int] = []


class Fulfilment(msgspec.Struct, omit_defaults=True):
    """A parcel that left."""

    id: int
    created: str
    company: str
    number: str
    lines: list[int] = []  # ids of what is in it; empty: everything


class Order(msgspec.Struct, omit_defaults=True):
    """An order; `customer` is None for a guest."""

    id: int
    number: int
    created: str
    updated: str
    customer: int | None = None
    email: str | None = None
    phone: str | None = None
    locale: str = "en"
    accepts_marketing: bool = False
    cancelled: str | None = None
    cancel_reason: str | None = None
    financial: str = "PAID"
    fulfilment: str = "UNFULFILLED"
    fulfilments: list[Fulfilment] = []
    test: bool = False
    source: str = "web"
    tags: list[str] = []
    total: int = 0
    billing: Address | None = None
    shipping: Address | None = None
    token: str = ""
    lines: list[Line] = []


class Segment(msgspec.Struct, omit_defaults=True):
    """A set of customers: those its query means, and those picked by hand."""

    id: int
    name: str
    query: str
    created: str
    edited: str
    picked: list[int] = []


class Checkout(msgspec.Struct, omit_defaults=True):
    """A checkout that somebody began; `customer` is None for who is not signed in."""

    id: int
    token: str
    cart: str
    created: str
    updated: str
    customer: int | None = None
    email: str | None = None
    phone: str | None = None
    locale: str = "en"
    accepts_marketing: bool = False
    accepts_sms: bool = False
    sms_phone: str | None = None
    completed: str | None = None
    billing: Address | None = None
    shipping: Address | None = None
    total: int = 0
    lines: list[Line] = []


class Shop(msgspec.Struct, omit_defaults=True):
    """A store together with the app that was made for it."""

    id: int
    domain: str
    name: str
    client_id: str
    client_secret: str
    created: str
    old_secret: str | None = None
    currency: str = "USD"
    zone: str = "America/New_York"
    country: str = "US"
    email: str = "owner@example.com"
    scopes: list[str] = []
    compliance_url: str | None = None
    uninstalled: str | None = None
    bucket: int = 2000
    restore: int = 100


class Subscription(msgspec.Struct, omit_defaults=True):
    """A webhook subscription made through the Admin API."""

    id: int
    topic: str
    uri: str
    version: str
    created: str
    updated: str
    name: str | None = None
    filter: str | None = None
    include_fields: list[str] = []
    metafield_namespaces: list[str] = []


class Bulk(msgspec.Struct, omit_defaults=True):
    """A bulk query and how far it got."""

    id: int
    query: str
    created: str
    version: str
    grouped: bool = False
    status: str = "CREATED"
    completed: str | None = None
    error: str | None = None
    objects: int = 0
    roots: int = 0
    size: int | None = None
