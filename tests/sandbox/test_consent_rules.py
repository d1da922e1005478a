"""What Shopify accepts when an app writes a consent, and the words with which it refuses."""

import pytest

from sayso.sandbox.testing import Sandbox

MUTATION = {
    "sms": (
        "customerSmsMarketingConsentUpdate",
        "CustomerSmsMarketingConsentUpdateInput",
        "smsMarketingConsent",
        "customer { id }",
    ),
    "whatsapp": (
        "customerWhatsAppMarketingConsentUpdate",
        "CustomerWhatsAppMarketingConsentUpdateInput",
        "whatsAppMarketingConsent",
        "customerPhoneNumber { whatsAppMarketingConsent { state collectedFrom } }",
    ),
    "email": (
        "customerEmailMarketingConsentUpdate",
        "CustomerEmailMarketingConsentUpdateInput",
        "emailMarketingConsent",
        "customer { id }",
    ),
}


def write(
    box: Sandbox, channel: str, customer: int, state: str, level: str | None = None, at: str | None = None
) -> dict:
    name, kind, key, selection = MUTATION[channel]
    new = channel == "whatsapp"
    part = {
        "state" if new else "marketingState": state,
        "optInLevel" if new else "marketingOptInLevel": level,
        "updatedAt" if new else "consentUpdatedAt": at,
    }
    part = {field: value for field, value in part.items() if value is not None}
    return box.graphql(
        f"mutation($i: {kind}!) {{ {name}(input: $i) {{ {selection} userErrors {{ field message code }} }} }}",
        {"i": {"customerId": f"gid://shopify/Customer/{customer}", key: part}},
    )


def errors(answer: dict) -> list[dict]:
    (payload,) = answer["data"].values()
    return payload["userErrors"]


@pytest.mark.parametrize("channel", MUTATION)
def test_granted(box: Sandbox, person: dict, channel: str) -> None:
    assert errors(write(box, channel, person["id"], "SUBSCRIBED", "SINGLE_OPT_IN")) == []
    found = box.get(f"customers/{person['id']}")["customer"]
    assert found["mail" if channel == "email" else channel][0] == "SUBSCRIBED"
    assert found["updated"] >= person["updated"]


@pytest.mark.parametrize("channel", MUTATION)
def test_subscribed_needs_a_level(box: Sandbox, person: dict, channel: str) -> None:
    (error,) = errors(write(box, channel, person["id"], "SUBSCRIBED"))
    assert (error["code"], error["message"]) == ("MISSING_ARGUMENT", "Marketing opt in level must exist")


@pytest.mark.parametrize("channel", MUTATION)
def test_pending_needs_a_confirmed_level(box: Sandbox, person: dict, channel: str) -> None:
    assert errors(write(box, channel, person["id"], "PENDING", "SINGLE_OPT_IN"))[0]["code"] == "INVALID"
    assert errors(write(box, channel, person["id"], "PENDING", "CONFIRMED_OPT_IN")) == []


@pytest.mark.parametrize("channel", MUTATION)
def test_the_future_is_refused(box: Sandbox, person: dict, channel: str) -> None:
    (error,) = errors(write(box, channel, person["id"], "UNSUBSCRIBED", at="2099-01-01T00:00:00Z"))
    assert "future" in error["message"]


@pytest.mark.parametrize(("channel", "label"), [("sms", "SMS"), ("whatsapp", "WhatsApp")])
def test_a_phone_is_needed(box: Sandbox, channel: str, label: str) -> None:
    bare = box.action("create_customer", first="No phone")
    (error,) = errors(write(box, channel, bare["id"], "UNSUBSCRIBED"))
    assert error["message"] == f"A phone number is required to set the {label} consent state."


@pytest.mark.parametrize("channel", MUTATION)
def test_unknown_customer(box: Sandbox, channel: str) -> None:
    assert errors(write(box, channel, 1, "UNSUBSCRIBED"))[0]["message"] == "Customer not found"


@pytest.mark.parametrize(
    ("channel", "state"),
    [
        ("sms", "NOT_SUBSCRIBED"),
        ("sms", "REDACTED"),
        ("whatsapp", "NEVER_SUBSCRIBED"),
        ("whatsapp", "REDACTED"),
        ("email", "NOT_SUBSCRIBED"),
    ],
)
def test_read_only_states_fail_the_request(box: Sandbox, person: dict, channel: str, state: str) -> None:
    answer = write(box, channel, person["id"], state)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


def test_what_an_app_writes_was_collected_by_other(box: Sandbox, person: dict) -> None:
    answer = write(box, "whatsapp", person["id"], "SUBSCRIBED", "SINGLE_OPT_IN")
    consent = answer["data"]["customerWhatsAppMarketingConsentUpdate"]["customerPhoneNumber"][
        "whatsAppMarketingConsent"
    ]
    assert consent == {"state": "SUBSCRIBED", "collectedFrom": "OTHER"}


def update(box: Sandbox, **data: object) -> list[dict]:
    answer = box.graphql(
        "mutation($i: CustomerInput!) { customerUpdate(input: $i) { customer { id } userErrors { field message } } }",
        {"i": data},
    )
    return errors(answer)


def test_customer_update_cannot_change_consent_nor_take_a_phone(box: Sandbox, person: dict) -> None:
    gid = f"gid://shopify/Customer/{person['id']}"
    assert (
        "consent mutation" in update(box, id=gid, smsMarketingConsent={"marketingState": "UNSUBSCRIBED"})[0]["message"]
    )
    taken = next(one["phone"] for one in box.customers(limit=50) if one.get("phone"))
    assert update(box, id=gid, phone=taken)[0]["message"] == "Phone has already been taken"
    assert update(box, id=gid, phone="12")[0]["message"] == "Phone is invalid"
    assert update(box, id=gid, tags=[f"t{n}" for n in range(251)])[0]["field"] == ["tags"]
    assert update(box, id=gid, note="x" * 5001)[0]["field"] == ["note"]
    assert update(box, id=gid, firstName="Ana", tags=["a", "b"]) == []


def test_2026_07_reads_sms_consent_the_old_way(box: Sandbox, person: dict) -> None:
    old = "{ customer(id: %s) { defaultPhoneNumber { marketingState %s } } }"
    gid = f'"gid://shopify/Customer/{person["id"]}"'
    answer = box.graphql(old % (gid, ""), version="2026-07")
    assert answer["data"]["customer"]["defaultPhoneNumber"] == {"marketingState": "NOT_SUBSCRIBED"}
    refused = box.graphql(old % (gid, "smsMarketingConsent { state }"), version="2026-07")
    assert "Cannot query field" in refused["errors"][0]["message"]
