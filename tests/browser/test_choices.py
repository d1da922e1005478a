"""The pages on which people decide, in a real browser: by keyboard, at a phone's width, under their strict policy."""

from __future__ import annotations

import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from tests.making import make_contact
from tests.serving import serving

from sayso.choices import links, manage
from sayso.choices.models import Submission
from sayso.choices.submit import take
from sayso.choices.tokens import Kiosk, write_kiosk
from sayso.choices.topics import create as make_topic
from sayso.consent import settings as consent_settings
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.shops.models import Membership, Shop, User
from sayso.shops.tenancy import shop_context

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


class Pages(NamedTuple):
    url: str
    shop: Shop
    person: int
    form: str
    kiosk: str
    preferences: str
    unsubscribe: str


@pytest.fixture
def pages(committed, django_db_blocker, monkeypatch):
    from sayso.config import asgi

    monkeypatch.setattr(asgi, "tune_garbage_collector", lambda: None)
    for database in settings.DATABASES.values():  # each request of the server's threads closes what it opened
        monkeypatch.setitem(database, "CONN_MAX_AGE", 0)
    with django_db_blocker.unblock():
        cache.clear()
        shop = Shop.objects.create(domain="s.myshopify.com", name="Shop", address_secret=secrets.token_hex(32))
        user = User.objects.create_user("staff@example.com", "a long password")
        Membership.objects.create(user=user, shop=shop, role="admin")
        with shop_context(shop.pk):
            consent_settings.change(
                shop, actor_kind="staff", privacy_policy_url="https://a.example/p", terms_url="https://a.example/t",
                brand_colour="#ffd400",
            )  # fmt: skip
            shop.refresh_from_db()
            make_topic("Sale")
            content = {"channels": ["whatsapp", "email"], "topics": ["sale"], "languages": ["en", "de"]}
            made = {
                kind: manage.create(kind, actor_id="1", title="Stay in touch", **content)
                for kind in ("HOSTED", "IN_STORE")
            }
            for form in made.values():
                manage.use_suggested(form, shop, actor="x")
                manage.publish(form, actor_id="1")
            person = make_contact("OPT_IN")
            about = Kiosk(shop.pk, made["IN_STORE"].pk, user.pk, "Till 1")
            paths = {
                "form": f"/f/{shop.pk}-{made['HOSTED'].key}",
                "kiosk": f"/k/{write_kiosk(about)}",
                "preferences": links.preference_url(person, "whatsapp"),
                "unsubscribe": links.unsubscribe_url(person, "whatsapp"),
            }
        with serving(asgi.Application()) as url:
            yield Pages(url, shop, person, **{name: url + path for name, path in paths.items()})
        connection.close()


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, locale="de-DE")
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    # Chromium tells of every answer with status 422: a form that comes back with its errors.
    assert [one for one in complaints if "status of 422" not in one] == []


def in_the_shop(pages: Pages, work):
    """What the database says: in a thread of its own, for Playwright keeps an event loop in this one."""

    def look():
        try:
            with shop_context(pages.shop.pk):
                return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(look).result()


def taken(pages: Pages) -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: (take(pages.shop.pk), connection.close())).result()


def looks_well(page) -> None:
    """No violation of the axe rules, in light and dark, and nothing to scroll sideways."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.context.cookies() == []


def test_the_hosted_form_by_keyboard(pages, page):
    page.goto(pages.form)
    page.get_by_text("Wie dürfen wir Ihnen schreiben?").wait_for()
    looks_well(page)
    keys = ["Tab", "Space", "Tab", "Tab", "Space", "Tab"]  # WhatsApp, past e-mail, the topic, to the number
    for key in keys:
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.id") == "phone"
    page.keyboard.type("+49 1511 2345678")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Vielen Dank").wait_for()
    looks_well(page)
    page.go_back()
    assert in_the_shop(pages, Submission.objects.get).language == "de"
    taken(pages)
    entry = in_the_shop(pages, lambda: LedgerEntry.objects.get(event="OPT_IN", source="hosted_form"))
    assert (entry.to_state, entry.wording_version) == ("SUBSCRIBED", "hosted_form/whatsapp/de/1")


def test_errors_are_told_where_they_are(pages, page):
    page.goto(f"{pages.form}?lang=en")
    page.get_by_label("by WhatsApp").check()
    page.get_by_label("Sale").check()
    page.get_by_label("Mobile number").fill("12")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
        page.get_by_role("button", name="Sign up").click()
    assert answer.value.status == 422
    page.get_by_text("This is not a phone number").wait_for()
    assert page.get_by_label("Mobile number").get_attribute("aria-invalid") == "true"
    looks_well(page)


def test_the_tablet_is_fresh_for_the_next_person(pages, page):
    page.goto(f"{pages.kiosk}?lang=en")
    looks_well(page)
    page.get_by_label("by WhatsApp").check()
    page.get_by_label("Sale").check()
    page.get_by_label("Mobile number").fill("+49 1511 2345678")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    looks_well(page)
    page.wait_for_url(pages.kiosk, timeout=20_000)
    assert page.locator("#phone").input_value() == ""
    page.go_back()
    assert "+49" not in page.content()


def test_an_idle_tablet_forgets_what_was_typed(pages, page):
    page.clock.install()
    page.goto(pages.kiosk)
    page.locator("#phone").fill("+49 1511 2345678")
    page.clock.run_for(59_000)
    assert page.locator("#phone").input_value() != ""
    page.clock.run_for(2_000)
    page.wait_for_url(pages.kiosk)
    page.wait_for_function("document.querySelector('#phone').value === ''")


def test_unsubscribing_and_choosing(pages, page):
    page.goto(f"{pages.unsubscribe}?lang=en")
    looks_well(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    looks_well(page)
    state = in_the_shop(pages, lambda: ConsentState.objects.get(contact_id=pages.person))
    assert (state.whatsapp_state, state.sms_state) == ("UNSUBSCRIBED", "UNSUBSCRIBED")
    page.get_by_label("Too many messages").check()
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Thank you for telling us.").wait_for()
    looks_well(page)
    page.get_by_role("button", name="by WhatsApp").click()
    page.get_by_text("You are subscribed.").wait_for()
    page.get_by_label("Sale").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    assert not page.get_by_label("Sale").is_checked()
    looks_well(page)
    page.get_by_role("link", name="Nederlands").click()
    page.get_by_role("heading", name="Wat je van Shop krijgt").wait_for()
