from __future__ import annotations

import json

import pytest

from sayso.intake import registry
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.messaging.models import Sender
from sayso.messaging.webhooks import parts
from sayso.shops.tenancy import shop_context


def change(number: str = "106540352242922", **value: object) -> dict:
    return {"field": "messages", "value": {"metadata": {"phone_number_id": number}, **value}}


def body(*changes: dict, account: str = "waba") -> bytes:
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": account, "changes": list(changes)}]}
    ).encode()


def test_every_person_gets_a_part_of_their_own():
    found = parts(
        body(
            change(
                contacts=[{"wa_id": "1", "profile": {"name": "A"}}, {"wa_id": "2", "profile": {"name": "B"}}],
                messages=[{"from": "1", "id": "a"}, {"from": "2", "id": "b"}, {"from": "1", "id": "c"}],
                statuses=[{"recipient_id": "3", "id": "d", "status": "sent"}],
            )
        )
    )
    assert [(part.topic, part.person) for part in found] == [("messages", "1"), ("messages", "2"), ("statuses", "3")]
    value = found[0].document["entry"][0]["changes"][0]["value"]
    assert [message["id"] for message in value["messages"]] == ["a", "c"]
    assert [contact["wa_id"] for contact in value["contacts"]] == ["1"]
    assert "statuses" not in value
    assert found[0].document["entry"][0]["id"] == "waba"


def test_a_person_without_a_number_is_told_apart_by_their_other_name():
    found = parts(body(change(messages=[{"from_user_id": "US.1", "id": "a"}], user_preferences=[{"user_id": "US.2"}])))
    assert [(part.topic, part.person) for part in found] == [("messages", "US.1"), ("user_preferences", "US.2")]


@pytest.mark.parametrize(
    ("document", "topics"),
    [
        ({}, []),
        ([], []),
        ({"entry": [1, {"changes": [None, {"field": "account_update", "value": {}}]}]}, ["unknown", "account_update"]),
        ({"entry": [{"changes": [{"field": "messages", "value": {"errors": [{}]}}]}]}, ["errors"]),
        ({"entry": [{"changes": [{"field": "messages", "value": {"messages": [1, {}]}}]}]}, ["messages"]),
    ],
)
def test_oddities_never_raise(document: object, topics: list[str]):
    assert [part.topic for part in parts(json.dumps(document).encode())] == topics


@pytest.mark.django_db
def test_changes_go_to_the_shop_of_their_number_or_account(make_shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_handlers", {})
    first, second = make_shop(), make_shop()
    for shop, number, account in ((first, "111", "waba-1"), (second, "222", "waba-2")):
        with shop_context(shop.pk):
            Sender.objects.create(
                shop_id=shop.pk, channel="whatsapp", phone_number_id=number, account_id=account, token="t", base_url="",
                provider_app_id=int(number),
            )  # fmt: skip
    seen = []
    registry.handler("whatsapp", "messages", "account_update")(
        lambda shop_id, deliveries: seen.extend((shop_id, d.topic, d.lane, d.fold_key) for d in deliveries)
    )
    for key, content, signed_by in (
        ("a", body(change("111", messages=[{"from": "1"}]), change("222", messages=[{"from": "2"}])), [111, 222]),
        ("b", body({"field": "account_update", "value": {}}, account="waba-2"), None),
        ("c", body(change("333", messages=[{"from": "3"}])), [111]),
        # Words that the app of the first shop puts into the mouths of the second one's customers.
        ("d", body(change("222", messages=[{"from": "4"}])), [111]),
        ("e", body({"field": "account_update", "value": {}}, account="waba-2"), [111]),
    ):
        Delivery.objects.create(
            provider="whatsapp", key=key, topic="delivery", lane=0, body=content, signed_by=signed_by
        )
    drain_all()
    assert sorted(seen) == [
        (first.pk, "messages", 0, "111:1"),
        (second.pk, "account_update", 1, ""),
        (second.pk, "messages", 0, "222:2"),
    ]
    for key in "cde":
        assert Delivery.objects.get(key=f"{key}.000000").error == "unknown shop"
    # The person's words are kept where their shop's erasure finds them, and nowhere else.
    assert {bytes(d.body) for d in Delivery.objects.filter(key__in="abcde")} == {b""}
