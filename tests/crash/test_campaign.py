"""kill -9 in the middle of a campaign, again and again: everybody accounted for, nobody twice."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
from collections import Counter
from typing import ClassVar

import pytest
from tests.conftest import environment_of
from tests.making import make_contact, make_template
from tests.waiting import until

from sayso.campaigns import actions, build
from sayso.campaigns.models import Campaign
from sayso.messaging.models import Message, Sender
from sayso.sandbox.testing import Sandbox
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

pytestmark = pytest.mark.crash

NUMBER = "106540352242922"
PEOPLE = 400
KILLS = 12


class Worker:
    """The real worker process."""

    running: ClassVar[list[Worker]] = []

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "sayso.config.worker"], env=environment)
        self.running.append(self)

    @classmethod
    def kill_all(cls) -> None:
        while cls.running:
            cls.running.pop().kill()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def test_everybody_once(committed, request):
    seed = int(os.environ.get("SAYSO_CRASH_SEED", secrets.randbelow(10**6)))
    print(f"SAYSO_CRASH_SEED={seed}")
    chance = random.Random(seed)
    with Sandbox(customers=0, orders=0) as sandbox:
        sandbox.post("meta/numbers", id=NUMBER, token="sandbox-token", rate=0)
        sandbox.post("meta/templates", name="hello", text="Hello", language="en", category="MARKETING")
        shop = Shop.objects.create(domain="a.myshopify.com", name="A", is_sandbox=True, address_secret="s" * 64)
        with shop_context(shop.pk):
            sender = Sender.objects.create(
                shop_id=shop.pk, channel="whatsapp", phone_number_id=NUMBER, token="sandbox-token",
                base_url=sandbox.meta_url, per_second=60,
            )  # fmt: skip
            template = make_template(shop, name="hello", components=[{"type": "BODY", "text": "Hello"}])
            for _ in range(PEOPLE):
                make_contact("OPT_IN")
            campaign = actions.create(
                name="x", template_id=template.pk, sender_id=sender.pk, variables=[], audience={"all": True}
            )
            actions.launch(campaign.pk, actor="test")

        def status() -> Counter:
            with shop_context(shop.pk):
                return Counter(Message.objects.values_list("status", flat=True))

        environment = environment_of(committed)
        request.addfinalizer(Worker.kill_all)
        for _ in range(KILLS):
            accepted = sandbox.get("meta/sent")["count"]
            worker = Worker(environment)
            goal = accepted + chance.randint(1, 40)
            until(
                lambda goal=goal: sandbox.get("meta/sent")["count"],
                lambda n, goal=goal: n >= min(goal, PEOPLE) or _over(shop, campaign),
                60,
            )
            worker.kill()
        worker = Worker(environment)
        until(lambda: _over(shop, campaign), patience=60)
        worker.stop()

        sent = sandbox.sent()
        assert max(Counter(message["to"] for message in sent).values()) == 1, "somebody was messaged twice"
        final = status()
        assert final.total() == PEOPLE
        assert set(final) <= {"SENT", "DELIVERED", "READ", "FAILED", "UNCONFIRMED"}, final
        with shop_context(shop.pk):
            ours = dict(Message.objects.values_list("pk", "status"))
        handed_over = {int(message["biz_opaque_callback_data"].split(":")[1]) for message in sent}
        # Whoever the provider has is sent or doubtful here; whoever it has not is doubtful, never "sent".
        assert {pk for pk, state in ours.items() if state in ("SENT", "DELIVERED", "READ")} <= handed_over
        assert {pk for pk, state in ours.items() if state == "FAILED"} == set()
        assert PEOPLE - len(handed_over) <= final["UNCONFIRMED"]
        print(dict(final), f"{len(sent)} accepted by the provider")


def _over(shop: Shop, campaign: Campaign) -> bool:
    with shop_context(shop.pk):
        return Campaign.objects.get(pk=campaign.pk).status in ("SENT", "PARTIALLY_SENT", "FAILED")


def test_killed_while_building(committed):
    """The build itself, killed between and in chunks: the position and the rows move together."""
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        sender = Sender.objects.create(
            shop_id=shop.pk, channel="whatsapp", phone_number_id=NUMBER, token="t", base_url="http://127.0.0.1:9"
        )
        template = make_template(shop, components=[{"type": "BODY", "text": "Hello"}])
        for _ in range(60):
            make_contact("OPT_IN")
        campaign = actions.create(
            name="x", template_id=template.pk, sender_id=sender.pk, variables=[], audience={"all": True}
        )
        actions.launch(campaign.pk, actor="test")
        Sender.objects.update(status="DISCONNECTED")  # nothing is to leave here
    script = (
        "import os, django; django.setup()\n"
        "from sayso.campaigns import build\n"
        "build.CHUNK = 7\n"
        f"print(build.advance({shop.pk}, {campaign.pk}), flush=True)\n"
        f"build._build_chunk.__globals__['_tell_open_pages'] = lambda c: os.kill(os.getpid(), 9)\n"
        f"build.advance({shop.pk}, {campaign.pk})\n"
    )
    environment = environment_of(committed)
    for done in range(1, 4):
        process = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
        assert process.returncode == -signal.SIGKILL
        with shop_context(shop.pk):
            assert Message.objects.count() == 7 * done
    while build.advance(shop.pk, campaign.pk):
        pass
    with shop_context(shop.pk):
        assert Message.objects.count() == 60
