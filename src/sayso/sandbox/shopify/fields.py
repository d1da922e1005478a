"""How each plain field of the Admin API is read from a record. Fields with arguments are in `roots`.

One table serves both ways of asking: graphql-core calls these functions field by field, bulk
operations compile a selection into a list of them.
"""

from collections.abc import Callable
from typing import Any

from ..identifiers import gid
from ..records import Bulk, Checkout, Consent, Customer, Fulfilment, Line, Order, Segment, Subscription
from . import checkout_payload, product_fields, store
from .goods import goods
from .money import money_v2
from .reading import attributes as _attributes
from .reading import fixed as _fixed
from .reading import identity as _identity
from .scope import Resolver, Scope


def _sms_old(consent: Consent) -> str:
    # the deprecated enum has another word for "never asked"
    return "NOT_SUBSCRIBED" if consent.state == "NEVER_SUBSCRIBED" else consent.state


def _bag(read: Callable[[Any], int]) -> Resolver:
    def bag(record: Any, scope: Scope) -> Any:
        cents = read(record)
        return {
            "shopMoney": money_v2(cents, scope.shop.currency),
            "presentmentMoney": money_v2(cents, scope.shop.currency),
        }

    return bag


def _last_order(customer: Customer, scope: Scope) -> Order | None:
    return store.find_order(scope, scope.shop, customer.last_order) if customer.last_order else None


def _buyer(order: Order | Checkout, scope: Scope) -> Customer | None:
    return store.find_customer(scope, scope.shop, order.customer) if order.customer else None


def _due(order: Order) -> int:
    return 0 if order.cancelled else order.total


_CONSENT = _attributes("state", optInLevel="level", updatedAt="updated", collectedFrom="collected_from") | _fixed(
    sourceLocation=None
)

FIELDS: dict[str, dict[str, Resolver]] = {
    "Customer": _identity("Customer")
    | _attributes(
        "email",
        "phone",
        "locale",
        "state",
        "note",
        "tags",
        firstName="first",
        lastName="last",
        displayName="name",
        createdAt="created",
        updatedAt="updated",
        verifiedEmail="verified",
        defaultAddress="address",
    )
    | _fixed(
        taxExempt=False,
        dataSaleOptOut=False,
        multipassIdentifier=None,
        lifetimeDuration="about 1 year",
        productSubscriberStatus="NEVER_SUBSCRIBED",
    )
    | {
        "numberOfOrders": lambda c, _: str(c.orders),
        "amountSpent": lambda c, s: money_v2(c.spent, s.shop.currency),
        "canDelete": lambda c, _: c.orders == 0,
        "defaultEmailAddress": lambda c, _: c if c.email else None,
        "defaultPhoneNumber": lambda c, _: c if c.phone else None,
        "lastOrder": _last_order,
        "statistics": lambda c, _: {
            "predictedSpendTier": "HIGH" if c.spent > 50_000 else "LOW" if c.orders else None,
            "rfmGroup": "LOYAL" if c.orders > 4 else "ACTIVE" if c.orders else "PROSPECTS",
        },
        "validEmailAddress": lambda c, _: c.mail.state != "INVALID",
        "emailMarketingConsent": lambda c, _: c.mail if c.email else None,
        "smsMarketingConsent": lambda c, _: c.sms if c.phone else None,
    },
    "CustomerSegmentMember": _attributes(
        "note", firstName="first", lastName="last", displayName="name", defaultAddress="address"
    )
    | {
        "id": lambda c, _: gid("CustomerSegmentMember", c.id),
        "numberOfOrders": lambda c, _: str(c.orders),
        "amountSpent": lambda c, s: money_v2(c.spent, s.shop.currency),
        "lastOrderId": lambda c, _: gid("Order", c.last_order) if c.last_order else None,
        "defaultEmailAddress": lambda c, _: c if c.email else None,
        "defaultPhoneNumber": lambda c, _: c if c.phone else None,
    },
    "Segment": _attributes("name", "query", creationDate="created", lastEditDate="edited")
    | {"id": lambda one, _: gid("Segment", one.id)},
    "CustomerPhoneNumber": _fixed(sourceLocation=None)
    | {
        "phoneNumber": lambda c, _: c.phone,
        "smsMarketingConsent": lambda c, _: c.sms,
        "whatsAppMarketingConsent": lambda c, _: c.whatsapp,
        "marketingState": lambda c, _: _sms_old(c.sms),
        "marketingOptInLevel": lambda c, _: c.sms.level,
        "marketingUpdatedAt": lambda c, _: c.sms.updated,
        "marketingCollectedFrom": lambda c, _: c.sms.collected_from,
    },
    "CustomerSmsMarketingConsent": _CONSENT,
    "CustomerWhatsAppMarketingConsent": _CONSENT,
    "CustomerSmsMarketingConsentState": _fixed(sourceLocation=None)
    | {
        "marketingState": lambda one, _: _sms_old(one),
        "marketingOptInLevel": lambda one, _: one.level or "UNKNOWN",
        "consentUpdatedAt": lambda one, _: one.updated,
        "consentCollectedFrom": lambda one, _: one.collected_from,
    },
    "CustomerEmailMarketingConsentState": _attributes(
        marketingState="state", marketingOptInLevel="level", consentUpdatedAt="updated"
    )
    | _fixed(sourceLocation=None),
    "CustomerEmailAddress": _fixed(sourceLocation=None, openTrackingLevel="UNKNOWN")
    | {
        "emailAddress": lambda c, _: c.email,
        "marketingState": lambda c, _: c.mail.state,
        "marketingOptInLevel": lambda c, _: c.mail.level,
        "marketingUpdatedAt": lambda c, _: c.mail.updated,
        "validFormat": lambda c, _: c.mail.state != "INVALID",
        "marketingUnsubscribeUrl": lambda c, s: f"https://{s.shop.domain}/account/unsubscribe?id={c.id}",
        "openTrackingUrl": lambda c, s: f"https://{s.shop.domain}/tools/open.gif?id={c.id}",
    },
    "MailingAddress": _attributes(
        "address1",
        "address2",
        "city",
        "company",
        "country",
        "phone",
        "province",
        "zip",
        firstName="first",
        lastName="last",
        countryCodeV2="country_code",
        provinceCode="province_code",
    )
    | _fixed(coordinatesValidated=False, latitude=None, longitude=None, timeZone=None)
    | {
        "id": lambda a, _: f"{gid('MailingAddress', a.id)}?model_name=CustomerAddress",
        "name": lambda a, _: " ".join(filter(None, (a.first, a.last))) or None,
    },
    "Order": _identity("Order")
    | _attributes(
        "number",
        "email",
        "phone",
        "test",
        "tags",
        createdAt="created",
        processedAt="created",
        updatedAt="updated",
        cancelledAt="cancelled",
        cancelReason="cancel_reason",
        customerLocale="locale",
        sourceName="source",
        customerAcceptsMarketing="accepts_marketing",
        displayFinancialStatus="financial",
        displayFulfillmentStatus="fulfilment",
        billingAddress="billing",
        shippingAddress="shipping",
        checkoutToken="token",
    )
    | _fixed(closed=False, closedAt=None, confirmed=True, note=None)
    | {
        "name": lambda o, _: f"#{o.number}",
        "customer": _buyer,
        "currencyCode": lambda _, s: s.shop.currency,
        "presentmentCurrencyCode": lambda _, s: s.shop.currency,
        "totalPriceSet": _bag(lambda o: int(o.total)),
        "currentTotalPriceSet": _bag(_due),
        "subtotalPriceSet": _bag(lambda o: int(o.total)),
        "totalDiscountsSet": _bag(lambda _: 0),
        "totalShippingPriceSet": _bag(lambda _: 0),
        "totalTaxSet": _bag(lambda _: 0),
        "cartToken": lambda o, _: f"cart-{o.token}",
    },
    "AbandonedCheckout": _attributes(
        billingAddress="billing",
        completedAt="completed",
        createdAt="created",
        shippingAddress="shipping",
        updatedAt="updated",
    )
    | _fixed(note="")
    | {
        "id": lambda one, _: gid("AbandonedCheckout", one.id),
        "abandonedCheckoutUrl": lambda one, s: checkout_payload.url(one, s.shop),
        "name": lambda one, _: checkout_payload.name(one),
        "customer": _buyer,
        "totalPriceSet": _bag(lambda one: int(one.total)),
    },
    "AbandonedCheckoutLineItem": {
        "id": lambda one, _: gid("AbandonedCheckoutLineItem", one.id),
        "title": lambda one, _: goods(one).product.title,
        "variantTitle": lambda one, _: goods(one).title,
        "sku": lambda one, _: goods(one).sku,
        "quantity": lambda one, _: one.quantity,
        "variant": lambda one, s: store.find_variant(s, s.shop, one.variant),
        "product": lambda one, s: store.find_product(s, s.shop, goods(one).product.id),
        "originalUnitPriceSet": _bag(lambda one: int(one.price)),
    },
    "Fulfillment": _identity("Fulfillment")
    | _attributes(createdAt="created", updatedAt="created")
    | _fixed(status="SUCCESS", displayStatus="FULFILLED")
    | {"name": lambda f, _: f.number},
    "LineItem": {
        "id": lambda one, _: gid("LineItem", one.id),
        "title": lambda one, _: goods(one).product.title,
        "name": lambda one, _: f"{goods(one).product.title} - {goods(one).title}",
        "variantTitle": lambda one, _: goods(one).title,
        "vendor": lambda one, _: goods(one).product.vendor,
        "sku": lambda one, _: goods(one).sku,
        "quantity": lambda one, _: one.quantity,
        "currentQuantity": lambda one, _: one.quantity,
        "variant": lambda one, s: store.find_variant(s, s.shop, one.variant),
        "product": lambda one, s: store.find_product(s, s.shop, goods(one).product.id),
        "originalUnitPriceSet": _bag(lambda one: int(one.price)),
        "discountedUnitPriceSet": _bag(lambda one: int(one.price)),
        "originalTotalSet": _bag(lambda one: int(one.price * one.quantity)),
        "isGiftCard": lambda one, _: goods(one).product.kind == "Gift card",
    }
    | _fixed(requiresShipping=True, taxable=True),
    "WebhookSubscription": _identity("WebhookSubscription")
    | _attributes(
        "uri",
        "name",
        "filter",
        callbackUrl="uri",
        createdAt="created",
        updatedAt="updated",
        includeFields="include_fields",
        metafieldNamespaces="metafield_namespaces",
    )
    | _fixed(format="JSON")
    | {
        "topic": lambda one, _: one.topic.replace("/", "_").replace(".", "_").upper(),
        "apiVersion": lambda one, _: {"handle": one.version, "displayName": one.version, "supported": True},
    },
    "BulkOperation": _attributes("status", "query", createdAt="created", completedAt="completed", errorCode="error")
    | _fixed(type="QUERY", partialDataUrl=None)
    | {
        "id": lambda b, _: gid("BulkOperation", b.id),
        "objectCount": lambda b, _: str(b.objects),
        "rootObjectCount": lambda b, _: str(b.roots),
        "fileSize": lambda b, _: None if b.size is None else str(b.size),
        "url": lambda b, s: s.bulk_url(b),
    },
    "Shop": _attributes(
        "name",
        "email",
        contactEmail="email",
        myshopifyDomain="domain",
        currencyCode="currency",
        ianaTimezone="zone",
        createdAt="created",
        updatedAt="created",
    )
    | _fixed(
        plan={"publicDisplayName": "Development", "partnerDevelopment": True, "shopifyPlus": False},
        marketingSmsConsentEnabledAtCheckout=True,
        transactionalSmsDisabled=False,
        shopOwnerName="Sandbox Owner",
        timezoneAbbreviation="UTC",
        timezoneOffset="+0000",
        timezoneOffsetMinutes=0,
    )
    | {
        "id": lambda s, _: gid("Shop", s.id),
        "url": lambda s, _: f"https://{s.domain}",
        "shopAddress": lambda s, _: {"id": gid("ShopAddress", s.id), "countryCodeV2": s.country},
        "primaryDomain": lambda s, _: {
            "id": gid("Domain", s.id),
            "host": s.domain,
            "url": f"https://{s.domain}",
            "sslEnabled": True,
        },
    },
}

FIELDS |= product_fields.FIELDS

TYPE_OF: dict[type, str] = {
    Customer: "Customer",
    Order: "Order",
    Checkout: "AbandonedCheckout",
    Line: "LineItem",
    Fulfilment: "Fulfillment",
    Bulk: "BulkOperation",
    Segment: "Segment",
    Subscription: "WebhookSubscription",
    **product_fields.TYPE_OF,
}
