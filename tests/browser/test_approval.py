"""Connecting a store by its owner's approval in a real browser: the policy of our pages lets it go there and come back."""

from __future__ import annotations

import shutil
from functools import partial

import pytest
from django.conf import settings
from django.db import connection
from tests.serving import serving

from sayso.sandbox import known
from sayso.sandbox.testing import Sandbox
from sayso.shopify.connection import authorize, subscriptions
from sayso.shops.models import Shop, User

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture
def ours(committed, django_db_blocker, monkeypatch):
    """The address of the application, which connects the sandbox's store and nothing else."""
    from sayso.config import asgi

    monkeypatch.setattr(asgi, "tune_garbage_collector", lambda: None)
    for database in settings.DATABASES.values():  # each request of the server's threads closes what it opened
        monkeypatch.setitem(database, "CONN_MAX_AGE", 0)
    monkeypatch.setattr(subscriptions, "ensure", lambda *_: 0)
    with django_db_blocker.unblock(), Sandbox(customers=5, orders=5) as box:
        monkeypatch.setattr(authorize, "begin", partial(authorize.begin, base_url=box.shopify_url(), sandbox=True))
        User.objects.create_user("platform@example.com", "a long password", is_platform_owner=True)
        with serving(asgi.Application()) as url:
            yield url
        connection.close()


def test_the_owner_approves(ours, django_db_blocker):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{ours}/connect")
        page.locator("input[name=login]").fill("platform@example.com")
        page.locator("input[name=password]").fill("a long password")
        page.locator("input[name=password]").press("Enter")
        page.get_by_role("heading", name="Connect your store").wait_for()
        assert Axe().run(page).response["violations"] == []
        page.get_by_label("Ask the store's owner").check()
        page.get_by_label("Store", exact=True).fill(known.DOMAIN)
        page.get_by_label("Client id").fill(known.CLIENT_ID)
        page.get_by_label("Client secret").fill(known.CLIENT_SECRET)
        page.get_by_role("button", name="Connect").click()
        page.get_by_role("heading", name="Approve the app in Shopify").wait_for()
        assert Axe().run(page).response["violations"] == []
        page.get_by_role("link", name="Continue to Shopify").click()
        page.get_by_role("heading", name=known.DOMAIN).wait_for()
        assert page.url == f"{ours}/settings/shopify"
        browser.close()
    assert complaints == []
    with django_db_blocker.unblock():
        assert Shop.objects.get().domain == known.DOMAIN
