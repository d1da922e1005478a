import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.channels.whatsapp.errors import Effect, Retry
from sayso.channels.whatsapp.parse import Unreadable, parse_change, split
from sayso.channels.whatsapp.types import Parsed, Person

NUMBER, WABA = "106540352242922", "102290129340398"
AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def change(field: str = "messages", **value) -> dict:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": NUMBER}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def delivery(*changes: dict, waba: str = WABA) -> bytes:
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": list(changes)}]}
    ).encode()


def message(kind: str, content: dict, **more) -> dict:
    return {"id": "wamid.M1", "timestamp": str(int(AT.timestamp())), "type": kind, kind: content} | (
        more or {"from": "16505551234"}
    )


def parse(*changes: dict) -> Parsed:
    (only,) = split(delivery(*changes))
    return parse_change(only)


def test_a_text_with_both_ids_and_a_profile():
    contact = {
        "profile": {"name": "Ada", "username": "@ada"},
        "wa_id": "16505551234",
        "user_id": "US.134",
        "parent_user_id": "US.ENT.9",
    }
    parsed = parse(change(contacts=[contact], messages=[message("text", {"body": "STOP"})]))
    assert (parsed.phone_number_id, parsed.waba_id) == (NUMBER, WABA)
    (inbound,) = parsed.messages
    assert inbound.sender == Person("16505551234", "US.134", "US.ENT.9", "Ada", "@ada")
    assert (inbound.id, inbound.kind, inbound.text, inbound.payload, inbound.at) == (
        "wamid.M1",
        "text",
        "STOP",
        None,
        AT,
    )
    assert inbound.raw["text"] == {"body": "STOP"}


def test_a_person_with_a_username_may_have_no_number():
    contact = {"profile": {"name": "Ada"}, "user_id": "US.134"}
    parsed = parse(change(contacts=[contact], messages=[message("text", {"body": "Hi"}, from_user_id="US.134")]))
    assert parsed.messages[0].sender == Person(None, "US.134", None, "Ada")


def test_each_message_finds_its_own_contact():
    contacts = [
        {"wa_id": "491111", "user_id": "DE.1", "profile": {"name": "Eins"}},
        {"wa_id": "492222", "user_id": "DE.2", "profile": {"name": "Zwei"}},
    ]
    messages = [
        message("text", {"body": "b"}, from_user_id="DE.2"),
        message("text", {"body": "a"}, **{"from": "491111"}),
    ]
    people = [inbound.sender for inbound in parse(change(contacts=contacts, messages=messages)).messages]
    assert [(person.wa_id, person.bsuid, person.name) for person in people] == [
        ("492222", "DE.2", "Zwei"),
        ("491111", "DE.1", "Eins"),
    ]


@pytest.mark.parametrize(
    ("kind", "content", "text", "payload", "reply_to"),
    [
        ("button", {"text": "Stop promotions", "payload": "SAYSO_STOP"}, "Stop promotions", "SAYSO_STOP", "wamid.OUT"),
        (
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "yes-1", "title": "Yes"}},
            "Yes",
            "yes-1",
            "wamid.OUT",
        ),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "row-7", "title": "Red", "description": "A red one"}},
            "Red",
            "row-7",
            "wamid.OUT",
        ),
        (
            "interactive",
            {"type": "nfm_reply", "nfm_reply": {"body": "Sent", "response_json": "{}"}},
            "Sent",
            "{}",
            "wamid.OUT",
        ),
        ("reaction", {"message_id": "wamid.OLD", "emoji": "👍"}, "👍", None, "wamid.OLD"),
        ("image", {"id": "1", "mime_type": "image/png", "caption": "Look"}, "Look", None, "wamid.OUT"),
        ("location", {"latitude": 1.5, "longitude": 2}, None, None, "wamid.OUT"),
        ("newfangled", {"anything": [1]}, None, None, "wamid.OUT"),
    ],
)
def test_replies(kind, content, text, payload, reply_to):
    item = message(kind, content, **{"from": "16505551234", "context": {"from": "15550783881", "id": "wamid.OUT"}})
    (inbound,) = parse(change(messages=[item])).messages
    assert (inbound.kind, inbound.text, inbound.payload, inbound.reply_to) == (kind, text, payload, reply_to)
    assert (inbound.media is not None) == (kind == "image")


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "played"])
def test_a_status_carries_our_own_id(status):
    item = {
        "id": "wamid.OUT",
        "status": status,
        "timestamp": str(int(AT.timestamp())),
        "recipient_id": "16505551234",
        "recipient_user_id": "US.134",
        "biz_opaque_callback_data": "m:17",
        "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"},
    }
    (update,) = parse(change(statuses=[item])).statuses
    assert (update.message_id, update.status, update.callback_data, update.at) == ("wamid.OUT", status, "m:17", AT)
    assert (update.recipient.wa_id, update.recipient.bsuid) == ("16505551234", "US.134")
    assert (update.pricing_category, update.billable, update.failure) == ("marketing", True, None)


def test_a_failure_without_contacts():
    error = {"code": 131050, "title": "Stopped", "message": "Stopped", "error_data": {"details": "by the user"}}
    item = {"id": "wamid.OUT", "status": "failed", "timestamp": "1751142888", "errors": [error]}
    (update,) = parse(change(statuses=[item])).statuses
    assert update.recipient == Person()
    assert update.failure is not None
    assert (update.failure.code, update.failure.effect, update.failure.retry) == (
        "CUSTOMER_IS_NOT_OPTED_IN",
        Effect.OPT_OUT,
        Retry.NO,
    )
    assert update.failure.details == "by the user"


@pytest.mark.parametrize("value", ["stop", "resume", "signup"])
def test_preferences_have_a_time_that_is_a_number(value):
    item = {"wa_id": "16505551234", "category": "marketing_messages", "value": value, "timestamp": int(AT.timestamp())}
    (preference,) = parse(change("user_preferences", user_preferences=[item])).preferences
    assert (preference.person.wa_id, preference.value, preference.category, preference.at) == (
        "16505551234",
        value,
        "marketing_messages",
        AT,
    )


def test_a_preference_may_name_the_person_in_the_contacts_only():
    parsed = parse(
        change(
            "user_preferences", contacts=[{"user_id": "US.134"}], user_preferences=[{"value": "stop", "timestamp": 1}]
        )
    )
    assert parsed.preferences[0].person.bsuid == "US.134"


def test_user_ids_change():
    item = {"wa_id": "16505551234", "user_id": {"previous": "US.1", "current": "US.2"}, "timestamp": "1750030073"}
    (update,) = parse(change("user_id_update", user_id_update=[item])).user_id_changes
    assert (update.previous_bsuid, update.current_bsuid, update.wa_id) == ("US.1", "US.2", "16505551234")


def test_a_changed_number_comes_as_a_message():
    system = {"type": "user_changed_number", "body": "changed", "wa_id": "4922", "user_id": "DE.2"}
    parsed = parse(change(messages=[message("system", system, **{"from": "4911", "from_user_id": "DE.1"})]))
    (update,) = parsed.user_id_changes
    assert (update.previous_wa_id, update.wa_id) == ("4911", "4922")
    assert (update.previous_bsuid, update.current_bsuid) == ("DE.1", "DE.2")
    assert parsed.messages == []


def test_errors_may_stand_alone():
    (error,) = parse(change(errors=[{"code": 130429, "title": "Rate limit hit"}])).errors
    assert (error.provider_code, error.code, error.retry) == (130429, "CHANNEL_IS_RATE_LIMITED", Retry.BACKOFF)


def test_news_of_templates_and_numbers():
    parsed = parse(
        change(
            "message_template_status_update",
            event="PAUSED",
            message_template_id=594425479261596,
            message_template_name="spring",
            message_template_language="en_US",
            reason="LOW_QUALITY",
        )
    )
    (template,) = parsed.templates
    assert (template.name, template.language, template.provider_id, template.status, template.reason) == (
        "spring",
        "en_US",
        "594425479261596",
        "PAUSED",
        "LOW_QUALITY",
    )
    parsed = parse(change("phone_number_quality_update", event="THROUGHPUT_UPGRADE", current_limit="TIER_UNLIMITED"))
    assert (parsed.accounts[0].event, parsed.accounts[0].limit) == ("THROUGHPUT_UPGRADE", "TIER_UNLIMITED")


def test_a_full_batch_loses_nothing():
    rounds = [
        change(
            contacts=[{"wa_id": str(10_000 + number)}],
            messages=[
                message("text", {"body": "x"}, id=f"wamid.{number}.{i}", **{"from": str(10_000 + number)})
                for i in range(4)
            ],
            statuses=[{"id": f"wamid.s{number}.{i}", "status": "read", "timestamp": "1"} for i in range(5)],
        )
        for number in range(100)
    ]
    document = {"entry": [{"id": str(i), "changes": rounds[i::10]} for i in range(10)]}
    parsed = [parse_change(one) for one in split(json.dumps(document).encode())]
    assert len(parsed) == 100
    assert len({inbound.id for one in parsed for inbound in one.messages}) == 400
    assert len({update.message_id for one in parsed for update in one.statuses}) == 500
    assert not [one.unknown for one in parsed if one.unknown]


@pytest.mark.parametrize(
    "item",
    [
        None,
        7,
        "text",
        [],
        {},
        {"id": "wamid.1"},
        {"id": None, "from": "1", "type": "text"},
        {"id": "wamid.1", "type": "text"},
    ],
)
def test_a_message_without_id_or_sender_is_kept_as_unknown(item):
    parsed = parse(change(messages=[item]))
    assert parsed.messages == []
    assert parsed.unknown == [("message", item)]


def test_odd_content_leaves_gaps_but_no_exception():
    item = {"id": 12, "from": 16505551234, "type": "text", "text": "not an object", "timestamp": "soon"}
    (inbound,) = parse(change(messages=[item])).messages
    assert (inbound.id, inbound.sender.wa_id, inbound.text, inbound.at) == ("12", "16505551234", None, None)


@pytest.mark.parametrize("stamp", ["", "-5", -5, True, 10**20, "9" * 11, 1.5, None, "١٢٣"])
def test_a_time_that_is_none(stamp):
    item = {"id": "wamid.1", "status": "sent", "timestamp": stamp}
    assert parse(change(statuses=[item])).statuses[0].at in {None, datetime.fromtimestamp(99_999_999_999, UTC)}


def test_unknown_fields_and_shapes_are_kept():
    assert parse(change("flows", something=1)).unknown[0][0] == "flows"
    (broken,) = split(json.dumps({"entry": [{"changes": [{"field": "messages", "value": [1]}]}]}).encode())
    assert parse_change(broken).unknown == [("change", {"field": "messages", "value": [1]})]


@pytest.mark.parametrize("body", [b"", b"{", b"\x00\x01", b"messages=1"])
def test_a_body_that_is_no_json(body):
    with pytest.raises(Unreadable):
        split(body)


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"entry": 3}', b'{"entry": [3, {"changes": {}}]}'])
def test_a_body_without_changes(body):
    assert split(body) == []


def test_text_that_the_database_would_refuse_is_mended():
    item = '{"id":"wamid.1","from":"1","type":"text","text":{"body":"%s"}}'
    text = '{"entry":[{"changes":[{"field":"messages","value":{"messages":[' + item + "]}}]}]}"
    for written, read in [(r"a\u0000b", "ab"), (r"a\ud83db", "a?b"), ("\u00fc", "ü")]:
        (one,) = split((text % written).encode())
        assert parse_change(one).messages[0].text == read
    (one,) = split((text % "X").encode().replace(b"X", b"\xff"))  # not UTF-8
    assert parse_change(one).messages[0].text == "\ufffd"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_no_document_raises(document):
    for one in split(json.dumps(document).encode()):
        parse_change(one)


WELL_FORMED = [
    change(
        contacts=[{"wa_id": "1", "user_id": "US.1", "profile": {"name": "A"}}],
        messages=[message("text", {"body": "x"})],
    ),
    change(messages=[message("interactive", {"button_reply": {"id": "1", "title": "t"}})]),
    change(
        statuses=[
            {"id": "w", "status": "failed", "errors": [{"code": 1, "error_data": {"details": "d"}}], "pricing": {}}
        ]
    ),
    change("user_preferences", user_preferences=[{"wa_id": "1", "value": "stop", "timestamp": 1}]),
    change("user_id_update", user_id_update=[{"user_id": {"previous": "a", "current": "b"}}]),
    change("message_template_status_update", event="APPROVED", message_template_name="n"),
]


@given(st.sampled_from(WELL_FORMED), json_values, st.randoms(use_true_random=False))
def test_no_damage_to_a_document_raises(well_formed, foreign, chance: random.Random):
    document = json.loads(delivery(well_formed))
    holder, key = document, "entry"
    while isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.85:
        holder = holder[key]
        key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    if chance.random() < 0.3:
        del holder[key]
    else:
        holder[key] = foreign
    for one in split(json.dumps(document).encode()):
        parse_change(one)
