"""What a newcomer does in the first ten minutes, in a real browser against the whole running program.

``sayso up`` in a directory with a space, its sandbox, its import, and Chromium: sign in, look for people, send a
campaign, reply STOP as a customer, and see that the next campaign leaves the person out.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.waiting import until

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


IMPORTED = re.compile(r"orders: [\d,]+ imported")
"""12,000, and what the sandbox's live customers ordered meanwhile."""


class Running(NamedTuple):
    url: str
    sandbox: str
    sign_in: str


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Iterator[Running]:
    """The program as a newcomer starts it."""
    data = tmp_path_factory.mktemp("a home") / "the data"
    data.mkdir()
    for parent in (data, *data.parents[:2]):
        parent.chmod(0o755)
    output = data.parent / "up.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SAYSO_", "DJANGO_"))}
    environment |= {"SAYSO_DATA": str(data), "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with output.open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "sayso", "up"], env=environment, stdout=log, stderr=log)
    try:
        text = until(output.read_text, lambda said: IMPORTED.search(said) or process.poll() is not None, 120)
        assert process.poll() is None, text
        link = re.search(r"(http://\S+)/sign-in/\S+", text)
        sandbox = re.search(r"play with: (http://\S+)", text)
        assert link and sandbox, text
        yield Running(link[1], sandbox[1], link[0])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, output.read_text()


@pytest.fixture(scope="module")
def page(program) -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(15_000)
        page = context.new_page()
        # Anything the browser complains of (a blocked script, a failed request) is a defect.
        # A request that the next page cuts off is none.
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and not message.text.startswith(("htmx:sendAbort", "htmx:afterRequest"))
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        complaints: list[str] = []
        yield page
        browser.close()
        assert complaints == []


PICTURES = os.environ.get("SAYSO_PICTURES")
"""A directory: the pages of the walk are kept there as pictures, for the README."""


def picture(page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def accessible(page) -> None:
    """No violation of the axe rules on this page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    assert [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in found] == []


def number_in(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def compose(page, program: Running, name: str, tag: str) -> dict[str, int]:
    """Fill in a campaign up to its reach, and answer the reach as the page shows it: what → contacts."""
    page.goto(f"{program.url}/campaigns/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.locator("input[type=radio][name=template]").first.check()
    page.get_by_label("Contacts with a tag").check()
    page.locator("#tag").fill(tag)
    page.locator("#tag").press("Tab")
    reach = page.get_by_role("region", name="Reach in figures").get_by_role("row")
    page.get_by_text(re.compile(f"tagged {tag}")).wait_for()
    missing = page.get_by_label("If it is missing")
    if missing.count():
        missing.first.fill("friend")
    # Each field that changes counts the reach again: what is read must be read at once, and be whole.
    rows = until(reach.all_inner_texts, lambda texts: texts and texts[-1].startswith("Audience"), 30)[1:]
    return {row.split("\n")[0].split("\t")[0].strip(): number_in(row.split("\t")[-1]) for row in rows}


def send(page) -> None:
    page.get_by_role("button", name=re.compile("^Send now")).click()
    page.wait_for_url(re.compile(r"/campaigns/\d+$"))


def tile(page, name: str) -> int:
    return number_in(
        page.locator("dl.tiles > div", has=page.get_by_text(name, exact=True)).locator("dd").first.inner_text()
    )


def test_the_walk(page, program):
    page.goto(program.sign_in)
    accessible(page)
    page.get_by_role("button", name=re.compile("sign in", re.I)).click()
    page.get_by_role("heading", name="Dashboard").wait_for()
    picture(page, "dashboard")
    accessible(page)

    # Contacts: fifty a page, the next page, search.
    page.get_by_role("link", name="Contacts", exact=True).click()
    page.get_by_role("heading", name="Contacts").wait_for()
    assert page.locator("tbody tr").count() == 50
    picture(page, "contacts")
    accessible(page)
    page.get_by_label("Tag", exact=False).first.wait_for()
    page.goto(f"{program.url}/audience/contacts?state=SUBSCRIBED&tag=vip")
    assert page.locator("tbody tr").count() > 10

    # A campaign to people tagged vip; the reach adds up.
    reach = compose(page, program, "Autumn news", "vip")
    accessible(page)
    picture(page, "campaign-new")
    assert reach.pop("Audience") == sum(reach.values())
    sendable = reach["Get the message"]
    assert sendable > 0
    send(page)
    until(lambda: tile(page, "Sent"), lambda n: n >= sendable - tile(page, "Failed") - 3, 60)
    until(lambda: tile(page, "Delivered"), lambda n: n > 0, 60)
    until(lambda: tile(page, "Read"), lambda n: n > 0, 60)
    accessible(page)
    picture(page, "campaign")

    # The tag is a group too, with the contacts that carry it.
    campaign = page.url
    page.goto(f"{program.url}/audience/lists?kind=SHOPIFY_TAG")
    page.get_by_role("link", name="vip", exact=True).click()
    page.get_by_role("heading", name="vip").wait_for()
    assert page.locator("tbody tr").count() == 50
    accessible(page)
    page.goto(campaign)

    # Somebody who got it; as that customer, reply STOP in the sandbox.
    page.get_by_role("link", name="All recipients").click()
    recipient = (
        page.locator("tbody tr", has=page.get_by_text(re.compile("Delivered|Read"))).first.get_by_role("link").first
    )
    name = recipient.inner_text()
    recipient.click()
    page.get_by_role("heading", name=name).wait_for()
    profile = page.url
    phone = re.search(r"\+\d{7,15}", page.inner_text("main"))
    assert phone
    accessible(page)
    page.goto(f"{program.sandbox}/?q={phone[0].removeprefix('+')}")
    page.get_by_role("link", name=re.compile(re.escape(phone[0]))).first.click()
    reply = page.locator("input[name=text]:visible, textarea[name=text]:visible").first
    reply.fill("STOP")
    reply.press("Enter")

    # The state flips, the ledger says why.
    page.goto(profile)
    until(lambda: (page.reload(), page.inner_text("main"))[1], lambda text: "Unsubscribed" in text, 30)
    assert "STOP" in page.inner_text("main") or "Opted out" in page.inner_text("main")
    picture(page, "profile")
    accessible(page)
    page.get_by_role("link", name=re.compile(r"^Entry \d+")).first.click()
    page.get_by_text("Computed again: it holds").wait_for()
    accessible(page)

    # The overview counts it.
    page.goto(f"{program.url}/audience/consent")
    page.get_by_role("heading", name="Refused attempts").wait_for()
    page.get_by_role("region", name="Opt-outs after campaigns").get_by_role("link", name="Autumn news").wait_for()
    picture(page, "consent")
    accessible(page)

    # Found by part of the number, with the new state; live, without a reload.
    page.goto(f"{program.url}/audience/contacts")
    page.get_by_role("searchbox").first.fill(phone[0][3:])
    until(lambda: page.locator("tbody tr").count(), lambda n: 0 < n < 50)
    rows = page.locator("tbody tr", has_text=phone[0]).all_inner_texts()
    assert rows and all("Unsubscribed" in row for row in rows), rows

    # The next campaign leaves the person out.
    again = compose(page, program, "Winter news", "vip")
    assert again["Get the message"] < sendable
    send(page)
    until(lambda: tile(page, "Sent"), lambda n: n >= again["Get the message"] - tile(page, "Failed") - 3, 60)
    page.goto(profile)
    assert page.inner_text("main").count("Winter news") == 0


@pytest.mark.parametrize(
    "path",
    ["/", "/audience/contacts", "/audience/lists", "/audience/lists?kind=SHOPIFY_SEGMENT",
     "/audience/consent", "/audience/consent/ledger",
     "/audience/consent/suppressed", "/audience/consent/suppressed/import",
     "/settings/consent/rules", "/campaigns", "/campaigns/new", "/settings/shopify", "/settings/whatsapp",
     "/settings/consent", "/settings/privacy", "/settings/team", "/settings/tokens",
     "/sync", "/sync/runs/1", "/sync/deliveries", "/sync/parked"],
)  # fmt: skip
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
def test_every_page_fits_and_is_accessible(page, program, path, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    answer = page.goto(f"{program.url}{path}")
    assert answer and answer.status == 200
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
        "wider than the screen"
    )
