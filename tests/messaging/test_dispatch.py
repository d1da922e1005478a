"""From queue to provider and back, against the sandbox: nobody twice, nobody lost, and a STOP that counts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connections
from tests.making import make_contact, make_template
from tests.waiting import until

from sayso.consent.models import ConsentState
from sayso.messaging import dispatch
from sayso.messaging.handlers import messages, preferences, statuses
from sayso.messaging.models import Message, Sender
from sayso.messaging.send import mappings, queue
from sayso.messaging.webhooks import parts
from sayso.sandbox.testing import Sandbox
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

NUMBER = "106540352242922"
HELLO = [{"initialValue": "{{1}}", "selectedValue": "customer.first_name", "fallback": "there"}]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(customers=0, orders=0) as running:
        yield running


@pytest.fixture
def scene(committed, sandbox, monkeypatch) -> Iterator[Callable]:
    """A shop with a connected number; queue for some people, dispatch until done, deliver what the provider reports."""
    sandbox.post("reset")
    sandbox.meta_webhook("http://127.0.0.1:9/webhooks/whatsapp")
    sandbox.post("meta/numbers", id=NUMBER, token="sandbox-token", rate=0)
    sandbox.hold()
    monkeypatch.setitem(mappings, "CAMPAIGN", lambda _: HELLO)
    shop = Shop.objects.create(
        domain="a.myshopify.com", name="A", is_sandbox=True, address_secret=secrets.token_hex(32)
    )
    template = hello(sandbox)
    with shop_context(shop.pk):
        sender = Sender.objects.create(
            shop_id=shop.pk,
            channel="whatsapp",
            phone_number_id=NUMBER,
            token="sandbox-token",
            base_url=sandbox.meta_url,
            per_second=1000,
        )
        made = make_template(
            shop, name=template["name"], language=template["language"], components=template["components"]
        )

    class Scene:
        shop_id = shop.pk

        def queue(self, contacts: list[int], origin_id: int = 1) -> None:
            with shop_context(shop.pk):
                queue(contacts, origin="CAMPAIGN", origin_id=origin_id, template=made, sender_id=sender.pk)

        def people(self, count: int, *events: str) -> list[int]:
            with shop_context(shop.pk):
                return [make_contact(*(events or ("OPT_IN",))) for _ in range(count)]

        def dispatch(self, done: Callable[[dict[str, int]], bool]) -> dict[str, int]:
            stop = threading.Event()
            thread = threading.Thread(target=dispatch.run, args=[stop])
            thread.start()
            try:
                return until(self.statuses, done)
            finally:
                stop.set()
                thread.join()

        def statuses(self) -> dict[str, int]:
            found: dict[str, int] = {}
            with shop_context(shop.pk):
                for status in Message.objects.filter(direction="OUT").values_list("status", flat=True):
                    found[status] = found.get(status, 0) + 1
            return found

        def deliver(self) -> None:
            handlers = {"messages": messages, "statuses": statuses, "user_preferences": preferences}
            for delivery in sandbox.deliveries(kind="meta"):
                with shop_context(shop.pk):
                    for part in parts(delivery.body):
                        handlers[part.topic](shop.pk, [FakeDelivery(part.document)])
            sandbox.clear()

    yield Scene()
    connections["default"].close()


def hello(sandbox: Sandbox) -> dict:
    """A marketing template with one variable, made at the provider."""
    sandbox.post("meta/templates", name="hello", text="Hello {{1}}", language="en", category="MARKETING")
    return {"name": "hello", "language": "en", "components": [{"type": "BODY", "text": "Hello {{1}}"}]}


class FakeDelivery:
    """What a handler reads of a delivery."""

    def __init__(self, document: dict) -> None:
        import msgspec

        self.body = msgspec.json.encode(document)


def test_everybody_once_and_the_reports_come_back(scene, sandbox):
    scene.queue(scene.people(120))
    assert scene.dispatch(lambda s: s == {"SENT": 120}) == {"SENT": 120}
    sent = sandbox.sent()
    assert len(sent) == len({message["to"] for message in sent}) == 120
    until(lambda: len(sandbox.deliveries(kind="meta")), lambda n: n > 0)
    until(lambda: (scene.deliver(), scene.statuses())[1], lambda s: "SENT" not in s)
    with shop_context(scene.shop_id):
        for message in Message.objects.filter(status__in=["DELIVERED", "READ"]):
            assert message.sent_at and message.delivered_at and message.provider_id.startswith("wamid.")
            assert "Ada" in message.body


def test_a_lost_answer_is_never_sent_again_and_a_status_settles_it(scene, sandbox):
    contacts = scene.people(3)
    sandbox.rules({"mode": "drop"})
    scene.queue(contacts)
    assert scene.dispatch(lambda s: s.get("UNCONFIRMED") == 3)
    assert len(sandbox.sent()) <= 3
    until(lambda: len(sandbox.deliveries(kind="meta")), lambda n: n > 0)
    until(lambda: (scene.deliver(), scene.statuses())[1], lambda s: "UNCONFIRMED" not in s)


def test_a_refusal_that_may_pass_is_tried_again_later(scene, sandbox):
    sandbox.rules({"mode": "answer", "code": 131056})
    scene.queue(scene.people(1))
    scene.dispatch(lambda s: s == {"QUEUED": 1} and bool(_tried(scene)))
    with shop_context(scene.shop_id):
        message = Message.objects.get()
        assert (message.error_code, message.provider_code, message.attempt) == ("CUSTOMER_IS_RATE_LIMITED", "131056", 1)
        assert message.not_before > message.queued_at


def _tried(scene) -> int:
    with shop_context(scene.shop_id):
        return Message.objects.filter(error_code__isnull=False).count()


def test_a_token_that_is_not_accepted_stops_the_number_and_loses_nobody(scene, sandbox):
    sandbox.rules({"mode": "answer", "code": 190})
    scene.queue(scene.people(5))
    scene.dispatch(lambda s: "SENDING" not in s and bool(_tried(scene)))
    with shop_context(scene.shop_id):
        sender = Sender.objects.get()
        assert sender.status == "DISCONNECTED" and sender.status_reason


def test_a_reply_stop_flips_the_state_and_the_next_campaign_leaves_the_person_out(scene, sandbox):
    [contact] = scene.people(1)
    scene.queue([contact])
    scene.dispatch(lambda s: s == {"SENT": 1})
    sandbox.clear()
    sandbox.action("reply", sender=sandbox.sent()[0]["to"], text="Stop, please!")
    scene.deliver()
    with shop_context(scene.shop_id):
        assert ConsentState.objects.get().whatsapp_state == "UNSUBSCRIBED"
        assert Message.objects.get(direction="IN").body == "Stop, please!"
    scene.queue([contact], origin_id=2)
    assert scene.statuses() == {"SENT": 1}


def test_131050_is_an_opt_out(scene, sandbox):
    [contact] = scene.people(1)
    sandbox.rules({"mode": "status", "code": 131050})
    scene.queue([contact])
    scene.dispatch(lambda s: s == {"SENT": 1})
    until(lambda: (scene.deliver(), scene.statuses())[1], lambda s: s == {"FAILED": 1})
    with shop_context(scene.shop_id):
        state = ConsentState.objects.get()
        assert (state.whatsapp_state, state.sms_state) == ("UNSUBSCRIBED", "UNSUBSCRIBED")
