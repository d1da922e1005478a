"""`/`: be a customer, or be the shop. Plain forms; a small script only keeps the page fresh."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ..actions import perform
from ..records import Customer, Shop
from ..sandbox import Sandbox
from ..shopify import store
from . import parts

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FILES = {"sandbox.css": "text/css", "sandbox.js": "text/javascript"}
_CHANNELS = ("whatsapp", "sms", "email")
_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")


class Pages:
    """The page of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.world = sandbox, sandbox.world
        self.own: dict[str, Callable[[dict[str, str]], None]] = {
            "live": self._live,
            "weather": self._weather,
            "release": self._release,
        }

    def routes(self) -> list[Route]:
        """The page, its form target and its two files."""
        return [Route("/", self.show), Route("/do", self.do, methods=["POST"]), Route("/static/{name}", self.file)]

    async def file(self, request: Request) -> Response:
        """The style sheet or the script."""
        name = request.path_params["name"]
        if name not in _FILES:
            return Response(status_code=404)
        content = files("sayso.sandbox").joinpath("static", name).read_bytes()
        return Response(content, media_type=_FILES[name], headers={"X-Content-Type-Options": "nosniff"})

    async def show(self, request: Request) -> Response:
        """The page; `q` searches, `customer` opens one."""
        query, chosen = request.query_params.get("q", ""), request.query_params.get("customer", "")
        shop = self.world.shop()
        one = store.find_customer(self.world.db, shop, int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else None
        back = "/?" + urlencode({"q": query, "customer": chosen}) if one else "/?" + urlencode({"q": query})
        body = (
            self._search(shop, query, one) + (self._customer(shop, one, back) if one else "") + self._shop(shop, back)
        )
        return HTMLResponse(parts.page(body, request.query_params.get("said")), headers=_HEADERS)

    async def do(self, request: Request) -> Response:
        """Perform what a form asks and go back to the page."""
        given = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        name, back = given.pop("do", ""), given.pop("back", "/")
        try:
            if name in self.own:
                self.own[name](given)
            else:
                perform(self.sandbox, name, _arguments(given))
            said = "Done."
        except (ValueError, KeyError, LookupError) as error:
            said = f"Not done: {error}"
        target = dict(parse_qsl(urlsplit(back).query)) | {"said": said}
        return RedirectResponse("/?" + urlencode(target), 303, headers=_HEADERS)

    def _search(self, shop: Shop, query: str, chosen: Customer | None) -> str:
        like = f"%{query}%"
        rows = self.world.db.all(
            "SELECT id, name, email, phone FROM customer "
            "WHERE shop = ? AND (name LIKE ? OR email LIKE ? OR phone LIKE ?) "
            "ORDER BY id DESC LIMIT 12",
            shop.id,
            like,
            like,
            like,
        )
        current = chosen.id if chosen else None
        found = "".join(
            f'<li><a href="/?{parts.text(urlencode({"q": query, "customer": key}))}"'
            f"{' aria-current=true' if key == current else ''}>"
            f"<bdi>{parts.text(name)}</bdi> <small>{parts.text(phone or ('' if email == name else email))}</small>"
            "</a></li>"
            for key, name, email, phone in rows
        )
        return (
            '<section aria-labelledby="find"><h2 id="find">Find a customer</h2>'
            '<form method="get" action="/" role="search">'
            f"{parts.field('q', 'Name, e-mail or phone', query, type='search')}<button>Find</button></form>"
            f'<ul class="found">{found or "<li>Nobody.</li>"}</ul></section>'
        )

    def _customer(self, shop: Shop, one: Customer, back: str) -> str:
        who = {"customer": one.id}
        sender = {"sender": one.phone or ""}
        make = parts.form
        chat = (
            "<p>No phone, so no WhatsApp.</p>"
            if not one.phone
            else (
                f'<div data-live="thread">{parts.thread(self._messages(one.phone))}</div>'
                + make("reply", back, parts.field("text", "Reply", required="required"), "Send", sender)
                + '<div class="row">'
                + make("reply", back, "", "Reply STOP", {**sender, "text": "STOP"})
                + make("reply", back, "", "Reply YES", {**sender, "text": "YES"})
                + "".join(
                    make("tap_button", back, "", f"Tap “{label}”", {**sender, "text": label})
                    for label in self.sandbox.inbound.buttons(one.phone)
                )
                + make("set_preference", back, "", "Offers off in the app", {**sender, "choice": "stop"})
                + make("set_preference", back, "", "Offers on again", {**sender, "choice": "resume"})
                + "</div>"
            )
        )
        return (
            f'<section aria-labelledby="as-customer">'
            f'<h2 id="as-customer">Act as <bdi>{parts.text(one.name)}</bdi></h2>{chat}'
            + "<h3>At the checkout</h3>"
            + make(
                "set_consent",
                back,
                parts.select("channel", "Channel", _CHANNELS) + parts.select("state", "Consent", _STATES),
                "Set",
                who,
            )
            + make("place_order", back, "", "Place an order", who)
            + '</section><section aria-labelledby="as-shop"><h2 id="as-shop">Act as the shop</h2>'
            + parts.facts(one, store.orders_of(self.world.db, one.id), shop.currency)
            + make(
                "edit_customer",
                back,
                parts.field("first", "First name", one.first)
                + parts.field("last", "Last name", one.last)
                + parts.field("email", "E-mail", one.email)
                + parts.field("phone", "Phone", one.phone),
                "Save",
                who,
            )
            + make("add_tags", back, parts.field("tags", "New tag", required="required"), "Add tag", who)
            + '<div class="row">'
            + make("request_data", back, "", "Request data", who)
            + make("redact_customer", back, "", "Redact", who, kind="danger")
            + make("delete_customer", back, "", "Delete customer", who, kind="danger")
            + "</div></section>"
        )

    def _shop(self, shop: Shop, back: str) -> str:
        settings, db = self.world.settings, self.world.db
        states = dict(db.all("SELECT state, count(*) FROM delivery GROUP BY state"))
        (people,), (orders,) = db.one("SELECT count(*) FROM customer"), db.one("SELECT count(*) FROM purchase")
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none yet"
        weather = "".join(
            parts.form(
                "weather",
                back,
                parts.select(
                    "mode",
                    name.title(),
                    ("clear", "late", "duplicated", "shuffled", "lossy", "hold"),
                    _mode(getattr(settings, name)),
                ),
                "Set",
                {"kind": name},
            )
            for name in ("shopify", "meta")
        )
        return (
            f'<section aria-labelledby="store"><h2 id="store">{parts.text(shop.name)}</h2>'
            f'<p data-live="counts">{people} customers, {orders} orders. '
            f"Webhooks: {counts}. Live traffic is {'on' if settings.live else 'off'}.</p>"
            + parts.form(
                "live",
                back,
                "",
                "Stop live traffic" if settings.live else "Start live traffic",
                {"on": "" if settings.live else "1"},
            )
            + "<h3>How webhooks travel</h3>"
            + weather
            + parts.form("release", back, "", "Send what is held")
            + "<h3>A new customer</h3>"
            + parts.form(
                "create_customer",
                back,
                parts.field("first", "First name", required="required")
                + parts.field("last", "Last name")
                + parts.field("email", "E-mail", type="email")
                + parts.field("phone", "Phone", type="tel", placeholder="+49…"),
                "Create",
            )
            + "</section>"
        )

    def _messages(self, phone: str) -> list[dict[str, Any]]:
        self.sandbox.sends.flush()
        person = self.sandbox.crowd.get(phone.lstrip("+"))
        found = [
            {"inbound": True, "at": at, "text": text, "state": ""}
            for at, text in self.world.db.all(
                "SELECT at, text FROM inbound WHERE sender = ? ORDER BY id DESC LIMIT 30", person.wa_id
            )
        ]
        for at, kind, template, plan, stage, body in self.world.db.all(
            "SELECT at, kind, template, plan, stage, body FROM sent WHERE recipient = ? ORDER BY id DESC LIMIT 30",
            person.wa_id,
        ):
            steps = plan.split(",")
            state = steps[-1] if stage < 0 else steps[stage - 1] if stage else "accepted"
            found.append({"inbound": False, "at": at, "text": self._words(kind, template, body), "state": state})
        return sorted(found, key=lambda one: float(str(one["at"])))

    def _words(self, kind: str, template: str | None, raw: bytes) -> str:
        """What the customer reads: the text, or the template with its parameters put in."""
        body = msgspec.json.decode(raw)
        if kind == "text":
            return str(body["text"]["body"])
        name, _, language = (template or "").partition("/")
        for templates in self.sandbox.meta.templates.values():
            found = templates.get((name, language))
            if found:
                words = found.body
                given = [p for part in body["template"].get("components") or () for p in part.get("parameters") or ()]
                for place, one in enumerate(given, 1):
                    words = words.replace(f"{{{{{place}}}}}", str(one.get("text", "")))
                return words
        return f"[{kind}]"

    def _live(self, given: dict[str, str]) -> None:
        self.world.settings.live = bool(given.get("on"))
        self.world.save_settings()
        self.sandbox.live.wake.set()

    def _release(self, _: dict[str, str]) -> None:
        for kind in ("shopify", "meta"):
            self.sandbox.outbox.release(kind)

    def _weather(self, given: dict[str, str]) -> None:
        if given["kind"] not in {"shopify", "meta"}:
            raise KeyError(given["kind"])
        one = getattr(self.world.settings, given["kind"])
        mode = given["mode"]
        one.delay, one.shuffle = 20.0 if mode == "late" else 0.0, 10.0 if mode == "shuffled" else 0.0
        one.duplicate, one.lose = 0.5 if mode == "duplicated" else 0.0, 0.3 if mode == "lossy" else 0.0
        one.hold = mode == "hold"
        self.world.save_settings()


def _mode(weather: Any) -> str:
    """The name of a weather in the page's choice."""
    return (
        "hold"
        if weather.hold
        else "late"
        if weather.delay
        else "shuffled"
        if weather.shuffle
        else "duplicated"
        if weather.duplicate
        else "lossy"
        if weather.lose
        else "clear"
    )


def _arguments(given: dict[str, str]) -> dict[str, Any]:
    """Form fields as the actions want them."""
    made: dict[str, Any] = {key: value or None for key, value in given.items()}
    if "customer" in made:
        made["customer"] = int(made["customer"])
    if "tags" in made:
        made["tags"] = [tag.strip() for tag in str(made["tags"] or "").split(",")]
    return made
