"""Webhook bodies about customers, consent, the shop and privacy. Keys are those of Shopify's reference."""

from typing import Any

from ..clock import local, milliseconds, parse
from ..generate.countries import BY_CODE
from ..identifiers import gid
from ..records import Address, Bulk, Consent, Customer, Segment, Shop
from .money import amount


def address(place: Address, owner: int) -> dict[str, Any]:
    """`default_address` of a customer."""
    return {
        "id": place.id,
        "customer_id": owner,
        "first_name": place.first,
        "last_name": place.last,
        "company": place.company,
        "address1": place.address1,
        "address2": place.address2,
        "city": place.city,
        "province": place.province,
        "country": place.country,
        "zip": place.zip,
        "phone": place.phone,
        "name": " ".join(filter(None, (place.first, place.last))),
        "province_code": place.province_code,
        "country_code": place.country_code,
        "country_name": place.country,
        "default": True,
    }


def customer(one: Customer, shop: Shop) -> dict[str, Any]:
    """`customers/create`, `/update`, `/enable`, `/disable`: no tags, no locale, no consent, no figures."""
    body: dict[str, Any] = {
        "id": one.id,
        "created_at": local(one.created, shop.zone),
        "updated_at": local(one.updated, shop.zone),
        "first_name": one.first,
        "last_name": one.last,
        "state": one.state.lower(),
        "note": one.note,
        "verified_email": one.verified,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": one.email,
        "phone": one.phone,
        "currency": shop.currency,
        "addresses": [],
        "tax_exemptions": [],
        "admin_graphql_api_id": gid("Customer", one.id),
    }
    if one.address:
        body["default_address"] = address(one.address, one.id)
        body["addresses"] = [body["default_address"]]
    return body


def customer_deleted(one: Customer) -> dict[str, Any]:
    """`customers/delete`."""
    return {"id": one.id, "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", one.id)}


def customer_merge(kept: int, deleted: int, job: str | None, refusals: list[dict[str, Any]]) -> dict[str, Any]:
    """`customers/merge`, of a merge that was carried out, or that was refused and has no job."""
    return {
        "admin_graphql_api_customer_kept_id": gid("Customer", kept),
        "admin_graphql_api_customer_deleted_id": gid("Customer", deleted),
        "admin_graphql_api_job_id": job,
        "status": "failed" if refusals else "completed",
        "errors": refusals,
    }


def _state(consent: Consent) -> str:
    # the wire keeps the older word for "never asked"
    return "not_subscribed" if consent.state == "NEVER_SUBSCRIBED" else consent.state.lower()


def _lower(value: str | None) -> str | None:
    return value.lower() if value else None


def sms_consent(one: Customer, shop: Shop) -> dict[str, Any]:
    """`customers_marketing_consent/update`."""
    return {
        "id": one.id,
        "phone": one.phone,
        "sms_marketing_consent": {
            "state": _state(one.sms),
            "opt_in_level": _lower(one.sms.level),
            "consent_updated_at": local(one.sms.updated, shop.zone),
            "consent_collected_from": _lower(one.sms.collected_from) or "other",
        },
    }


def whatsapp_consent(one: Customer, shop: Shop) -> dict[str, Any]:
    """`customers_whats_app_marketing_consent/update`."""
    return {
        "customer_id": one.id,
        "phone_number": one.phone,
        "whats_app_marketing_consent": {
            "state": one.whatsapp.state.lower(),
            "opt_in_level": _lower(one.whatsapp.level),
            "updated_at": local(one.whatsapp.updated, shop.zone),
            "collected_from": _lower(one.whatsapp.collected_from) or "other",
        },
    }


def email_consent(one: Customer, shop: Shop) -> dict[str, Any]:
    """`customers_email_marketing_consent/update`."""
    return {
        "customer_id": one.id,
        "email_address": one.email,
        "email_marketing_consent": {
            "state": _state(one.mail),
            "opt_in_level": _lower(one.mail.level),
            "consent_updated_at": local(one.mail.updated, shop.zone),
        },
    }


def tags(one: Customer, changed: list[str]) -> dict[str, Any]:
    """`customer.tags_added` and `customer.tags_removed`."""
    return {"customerId": gid("Customer", one.id), "tags": changed, "occurredAt": milliseconds()}


def purchasing_summary(one: Customer, shop: Shop) -> dict[str, Any]:
    """`customers/purchasing_summary`."""
    return {
        "customerId": gid("Customer", one.id),
        "numberOfOrders": one.orders,
        "amountSpent": {"amount": amount(one.spent), "currencyCode": shop.currency},
        "lastOrderId": gid("Order", one.last_order) if one.last_order else None,
        "occurredAt": milliseconds(),
    }


def bulk_finished(one: Bulk, shop: Shop) -> dict[str, Any]:
    """`bulk_operations/finish`."""
    return {
        "admin_graphql_api_id": gid("BulkOperation", one.id),
        "completed_at": local(one.completed, shop.zone),
        "created_at": local(one.created, shop.zone),
        "error_code": _lower(one.error),
        "status": one.status.lower(),
        "type": "query",
    }


def data_request(shop: Shop, one: Customer, orders: list[int], number: int) -> dict[str, Any]:
    """`customers/data_request`."""
    return {**_about(shop), "customer": _person(one), "orders_requested": orders, "data_request": {"id": number}}


def customer_redact(shop: Shop, one: Customer, orders: list[int]) -> dict[str, Any]:
    """`customers/redact`."""
    return {**_about(shop), "customer": _person(one), "orders_to_redact": orders}


def shop_redact(shop: Shop) -> dict[str, Any]:
    """`shop/redact`."""
    return _about(shop)


def _about(shop: Shop) -> dict[str, Any]:
    return {"shop_id": shop.id, "shop_domain": shop.domain}


def _person(one: Customer) -> dict[str, Any]:
    return {"id": one.id, "email": one.email, "phone": one.phone}


def shop(one: Shop) -> dict[str, Any]:
    """`shop/update` and `app/uninstalled`."""
    nothing = dict.fromkeys(
        (
            "source",
            "latitude",
            "longitude",
            "address2",
            "taxes_included",
            "auto_configure_tax_inclusivity",
            "tax_shipping",
            "county_taxes",
            "google_apps_domain",
            "google_apps_login_enabled",
        )
    )
    no = dict.fromkeys(
        (
            "has_discounts",
            "requires_extra_payments_agreement",
            "password_enabled",
            "setup_required",
            "pre_launch_enabled",
            "transactional_sms_disabled",
            "multi_location_enabled",
        ),
        False,
    )
    yes = dict.fromkeys(
        (
            "has_gift_cards",
            "eligible_for_payments",
            "has_storefront",
            "finances",
            "checkout_api_supported",
            "marketing_sms_consent_enabled_at_checkout",
        ),
        True,
    )
    created = local(one.created, one.zone)
    return (
        nothing
        | no
        | yes
        | {
            "id": one.id,
            "name": one.name,
            "email": one.email,
            "domain": one.domain,
            "province": "New York",
            "country": one.country,
            "address1": "1 Sandbox Lane",
            "zip": "10013",
            "city": "New York",
            "phone": None,
            "primary_locale": "en",
            "created_at": created,
            "updated_at": created,
            "country_code": one.country,
            "country_name": BY_CODE[one.country].name if one.country in BY_CODE else one.country,
            "currency": one.currency,
            "customer_email": one.email,
            "timezone": f"(GMT) {one.zone}",
            "iana_timezone": one.zone,
            "shop_owner": "Sandbox Owner",
            "money_format": "${{amount}}",
            "money_with_currency_format": f"${{{{amount}}}} {one.currency}",
            "weight_unit": "kg",
            "province_code": "NY",
            "plan_display_name": "Development",
            "plan_name": "partner_test",
            "myshopify_domain": one.domain,
            "money_in_emails_format": "${{amount}}",
            "money_with_currency_in_emails_format": f"${{{{amount}}}} {one.currency}",
            "primary_location_id": 655_441_491,
            "enabled_presentment_currencies": [one.currency],
        }
    )


def segment(one: Segment) -> dict[str, Any]:
    """`segments/create`, `segments/update`."""
    return {
        "id": one.id,
        "name": one.name,
        "query": one.query,
        "creationDate": _milliseconds(one.created),
        "lastEditDate": _milliseconds(one.edited),
    }


def segment_deleted(one: Segment) -> dict[str, Any]:
    """`segments/delete`."""
    return {"id": one.id}


def membership(shop: Shop, one: Customer, segment: int) -> dict[str, Any]:
    """`customer.joined_segment`, `customer.left_segment`: without any time."""
    return {
        "shop_id": gid("Shop", shop.id),
        "customer_id": gid("Customer", one.id),
        "segment_id": gid("Segment", segment),
    }


def _milliseconds(text: str) -> str:
    return parse(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")
