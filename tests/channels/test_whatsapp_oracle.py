"""Our messages against those of an independent client, field by field."""

import json

import httpx
import pytest

from sayso.channels.whatsapp.client import body
from sayso.channels.whatsapp.components import parameters
from sayso.channels.whatsapp.types import MediaMessage, TemplateMessage, TextMessage

pytestmark = pytest.mark.oracle

TO = "16505551234"
ANSWER = {"messaging_product": "whatsapp", "contacts": [{"input": TO, "wa_id": TO}], "messages": [{"id": "wamid.X"}]}


@pytest.fixture
def theirs():
    """A pywa client whose requests end in a list."""
    pywa = pytest.importorskip("pywa", reason="pywa is not installed")
    sent: list[dict] = []

    def handler(request):
        sent.append(json.loads(request.content))
        return httpx.Response(200, json=ANSWER)

    session = httpx.Client(base_url="https://graph.facebook.com/v26.0", transport=httpx.MockTransport(handler))
    return pywa.WhatsApp(phone_id="1065", token="t", session=session), sent


def without_nothing(document):
    """Their documents hold keys of null, false and empty, which mean the same as no key."""
    if isinstance(document, dict):
        kept = {key: without_nothing(value) for key, value in document.items()}
        return {key: value for key, value in kept.items() if value or (value == 0 and value is not False)}
    return [without_nothing(item) for item in document] if isinstance(document, list) else document


def test_a_text(theirs):
    client, sent = theirs
    client.send_message(to=TO, text="Grüße", tracker="m:17", reply_to_message_id="wamid.IN", preview_url=True)
    ours = body(TextMessage("Grüße", to=f"+{TO}", callback_data="m:17", reply_to="wamid.IN", preview_url=True))
    assert without_nothing(ours) == without_nothing(sent[0])


def test_an_image(theirs):
    client, sent = theirs
    client.send_image(to=TO, image="https://cdn.example/a.jpg", caption="A")
    assert without_nothing(body(MediaMessage("image", to=TO, link="https://cdn.example/a.jpg", caption="A"))) == (
        without_nothing(sent[0])
    )


def test_a_template(theirs):
    client, sent = theirs
    templates = pytest.importorskip("pywa.types.templates")
    client.send_template(
        to=TO,
        name="spring",
        language=templates.TemplateLanguage.GERMAN,
        params=[
            templates.HeaderText.params("Ada"),
            templates.BodyText.params("10 %", "Tea"),
            templates.QuickReplyButton.params(callback_data="SAYSO_STOP", index=0),
            templates.URLButton.params(url_variable="tea", index=1),
        ],
    )
    template = [
        {"type": "HEADER", "format": "TEXT", "text": "Hello {{1}}"},
        {"type": "BODY", "text": "{{1}} off {{2}}"},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}, {"type": "URL", "url": "https://x.example/{{1}}"}],
        },
    ]
    values = {
        "header.1": "Ada",
        "body.1": "10 %",
        "body.2": "Tea",
        "button.0.payload": "SAYSO_STOP",
        "button.1.1": "tea",
    }
    ours = without_nothing(body(TemplateMessage("spring", "de", to=TO, components=parameters(template, values))))
    other = without_nothing(sent[0])
    for document in (ours, other):
        for part in document["template"]["components"]:
            part["type"] = part["type"].lower()
            if "index" in part:
                part["index"] = str(part["index"])
            if "sub_type" in part:
                part["sub_type"] = part["sub_type"].lower()
    assert ours == other
