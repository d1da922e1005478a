"""`/control/…`: what a test or the sandbox's own page may ask and do. README.md lists it all."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .actions import ACTIONS, ActionError, perform
from .known import CLIENT_ID, CLIENT_SECRET
from .meta.templates import Template, load_templates, save_template, seed_templates
from .meta_control import verify_webhook
from .sandbox import Sandbox
from .settings import Rule, Settings
from .shopify import store
from .shopify.endpoint import encode


def answer(content: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(encode(content), status, media_type="application/json")


async def given(request: Request) -> dict[str, Any]:
    """The JSON object a request brought, {} for none. Raises msgspec.DecodeError."""
    body = await request.body()
    return msgspec.json.decode(body, type=dict[str, Any]) if body else {}


class Control:
    """The control API of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.world = sandbox, sandbox.world

    def routes(self) -> list[Route]:
        """All routes; errors of the caller become 400 with a text."""
        table: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "/control/health", self.health),
            ("GET", "/control/settle", self.settle),
            ("GET", "/control/settings", self.settings),
            ("POST", "/control/settings", self.change_settings),
            ("POST", "/control/meta/webhook", self.meta_webhook),
            ("POST", "/control/meta/rules", self.rules),
            ("GET", "/control/meta/sent", self.sent),
            ("POST", "/control/meta/numbers", self.add_number),
            ("GET", "/control/meta/templates", self.templates),
            ("POST", "/control/meta/templates", self.add_template),
            ("GET", "/control/deliveries", self.deliveries),
            ("POST", "/control/deliveries/release", self.release),
            ("POST", "/control/deliveries/clear", self.clear),
            ("GET", "/control/shops", self.shops),
            ("POST", "/control/shops", self.add_shop),
            ("POST", "/control/shops/{domain}", self.change_shop),
            ("GET", "/control/customers", self.customers),
            ("GET", "/control/customers/{id:int}", self.customer),
            ("POST", "/control/actions/{name}", self.action),
            ("GET", "/control/actions", self.actions),
            ("POST", "/control/bulk", self.bulk),
            ("POST", "/control/live", self.live),
            ("POST", "/control/reset", self.reset),
        ]
        return [Route(path, self._safe(handler), methods=[method]) for method, path, handler in table]

    @staticmethod
    def _safe(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def safe(request: Request) -> Response:
            try:
                return await handler(request)
            except (ActionError, msgspec.DecodeError, ValueError, KeyError, TypeError, LookupError) as error:
                return answer({"error": str(error) or type(error).__name__}, 400)

        return safe

    async def health(self, _: Request) -> Response:
        """Counts, and whether anything is still to come."""
        self.sandbox.sends.flush()
        db = self.world.db
        states = dict(db.all("SELECT state, count(*) FROM delivery GROUP BY state"))
        return answer(
            {
                "ok": True,
                "busy": self.sandbox.busy,
                "live": self.world.settings.live,
                "shops": list(self.world.shops),
                "customers": db.one("SELECT count(*) FROM customer")[0],
                "orders": db.one("SELECT count(*) FROM purchase")[0],
                "sent": db.one("SELECT count(*) FROM sent")[0],
                "deliveries": states,
                "seed": self.world.seed,
            }
        )

    async def settle(self, request: Request) -> Response:
        """Answer once everything queued was delivered, at most `timeout` seconds later."""
        timeout = float(request.query_params.get("timeout", "10"))
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while self.sandbox.busy and loop.time() < end:
            await asyncio.sleep(0.01)
        return answer({"settled": not self.sandbox.busy}, 200 if not self.sandbox.busy else 408)

    async def settings(self, _: Request) -> Response:
        """The settings."""
        return answer(self.world.settings)

    async def change_settings(self, request: Request) -> Response:
        """Merge the given keys into the settings; the inner objects are merged too."""
        now = msgspec.to_builtins(self.world.settings)
        for key, value in (await given(request)).items():
            if key not in now:
                raise KeyError(f"no setting {key}")
            now[key] = {**now[key], **value} if isinstance(now[key], dict) else value
        self.world.settings = msgspec.convert(now, Settings)
        self.world.save_settings()
        self.sandbox.live.wake.set()
        return answer(self.world.settings)

    async def meta_webhook(self, request: Request) -> Response:
        """Set Meta's callback URL (loopback only); with `verify` Meta's challenge is asked first."""
        return answer(await verify_webhook(self.world, await given(request)))

    async def rules(self, request: Request) -> Response:
        """Replace the list of things that go wrong with sends."""
        self.world.settings.rules = msgspec.convert((await given(request)).get("rules", []), list[Rule])
        self.world.save_settings()
        return answer({"rules": self.world.settings.rules})

    async def sent(self, request: Request) -> Response:
        """Accepted sends, oldest first, and how many there are."""
        self.sandbox.sends.flush()
        to = request.query_params.get("to")
        rows = self.world.db.all(
            "SELECT wamid, number, recipient, kind, template, opaque, plan, stage, at FROM sent "
            "WHERE (? IS NULL OR recipient = ?) ORDER BY id LIMIT ?",
            to,
            to,
            int(request.query_params.get("limit", "1000000")),
        )
        (count,) = self.world.db.one("SELECT count(*) FROM sent")
        names = (
            "wamid",
            "phone_number_id",
            "to",
            "type",
            "template",
            "biz_opaque_callback_data",
            "plan",
            "stage",
            "at",
        )
        return answer({"count": count, "sent": [dict(zip(names, row, strict=True)) for row in rows]})

    async def add_number(self, request: Request) -> Response:
        """Add or change a sender: id, and if wanted waba, token, display, rate (sends a second, 0 for no limit)."""
        data = await given(request)
        key = str(data["id"])
        old = self.world.db.one("SELECT waba, token, display, rate FROM number WHERE id = ?", key) or (
            f"waba-{key}",
            f"token-{key}",
            f"1555{key[-7:]}",
            80.0,
        )
        row = [data.get(name, default) for name, default in zip(("waba", "token", "display", "rate"), old, strict=True)]
        self.world.db.run("INSERT OR REPLACE INTO number VALUES (?, ?, ?, ?, ?)", key, *row)
        seed_templates(self.world.db, row[0])
        self.sandbox.meta.reload()
        return answer({"id": key, "waba": row[0], "token": row[1], "display": row[2], "rate": row[3]})

    async def templates(self, _: Request) -> Response:
        """All templates per business account."""
        wabas = [row[0] for row in self.world.db.all("SELECT DISTINCT waba FROM number")]
        return answer({waba: list(load_templates(self.world.db, waba).values()) for waba in wabas})

    async def add_template(self, request: Request) -> Response:
        """Add or replace a template: waba, name, language, category, status, text."""
        data = await given(request)
        made = Template(
            data["name"],
            data.get("language", "en"),
            data.get("status", "APPROVED"),
            data.get("category", "MARKETING"),
            str(1_359_544_702_043_860 + self.world.db.take("template")),
            [{"type": "BODY", "text": data["text"]}],
        )
        waba = data.get("waba") or self.world.db.one("SELECT waba FROM number ORDER BY rowid")[0]
        save_template(self.world.db, waba, made)
        self.sandbox.meta.reload()
        return answer(made)

    async def deliveries(self, request: Request) -> Response:
        """Deliveries in `state` (held, queued, sent, failed, lost; default held), oldest first."""
        state = request.query_params.get("state", "held")
        kind = request.query_params.get("kind")
        rows = self.world.db.all(
            "SELECT id, kind, topic, state, attempts, url, headers, body, answer FROM delivery "
            "WHERE state = ? AND (? IS NULL OR kind = ?) ORDER BY id",
            state,
            kind,
            kind,
        )
        return answer(
            [
                {
                    "id": row[0],
                    "kind": row[1],
                    "topic": row[2],
                    "state": row[3],
                    "attempts": row[4],
                    "url": row[5],
                    "headers": msgspec.json.decode(row[6]),
                    "body": base64.b64encode(row[7]).decode(),
                    "answer": row[8],
                }
                for row in rows
            ]
        )

    async def release(self, request: Request) -> Response:
        """Send what was held; `kind` is shopify, meta or absent for both. Turns hold off."""
        kind = (await given(request)).get("kind")
        count = 0
        for one in (kind,) if kind else ("shopify", "meta"):
            getattr(self.world.settings, one).hold = False
            count += self.sandbox.outbox.release(one)
        self.world.save_settings()
        return answer({"released": count})

    async def clear(self, _: Request) -> Response:
        """Forget finished and held deliveries."""
        return answer({"cleared": self.world.db.run("DELETE FROM delivery WHERE state <> 'queued'").rowcount})

    async def shops(self, _: Request) -> Response:
        """All shops with their apps."""
        return answer(list(self.world.shops.values()))

    async def add_shop(self, request: Request) -> Response:
        """Open a shop: domain, customers, orders, client_id, client_secret."""
        data = await given(request)
        return answer(
            self.world.open_shop(
                str(data["domain"]),
                int(data.get("customers", 0)),
                int(data.get("orders", 0)),
                str(data.get("client_id", CLIENT_ID)),
                str(data.get("client_secret", CLIENT_SECRET)),
            )
        )

    async def change_shop(self, request: Request) -> Response:
        """Change a shop's app: client_secret, old_secret, scopes, compliance_url, bucket, restore; `expire_tokens`."""
        shop = self.world.shop(request.path_params["domain"])
        data = await given(request)
        if data.pop("expire_tokens", False):
            self.world.db.run("UPDATE token SET expires = 0 WHERE shop = ? AND kind = 'access'", shop.id)
        unknown = set(data) - {"client_secret", "old_secret", "scopes", "compliance_url", "bucket", "restore"}
        if unknown:
            raise KeyError(f"cannot change {', '.join(sorted(unknown))}")
        for key, value in data.items():
            setattr(shop, key, value)
        self.world.save_shop(shop)
        return answer(shop)

    async def customers(self, request: Request) -> Response:
        """Customers whose name, e-mail or phone contains `q`; of `shop` or the first one."""
        shop = self.world.shop(request.query_params.get("shop"))
        like = f"%{request.query_params.get('q', '')}%"
        rows = self.world.db.all(
            "SELECT doc FROM customer WHERE shop = ? AND (name LIKE ? OR email LIKE ? OR phone LIKE ?) "
            "ORDER BY id LIMIT ? OFFSET ?",
            shop.id,
            like,
            like,
            like,
            int(request.query_params.get("limit", "50")),
            int(request.query_params.get("offset", "0")),
        )
        return answer([store.CUSTOMERS.decode(row[0]) for row in rows])

    async def customer(self, request: Request) -> Response:
        """One customer with orders."""
        shop = self.world.shop(request.query_params.get("shop"))
        one = store.get_customer(self.world.db, shop, request.path_params["id"])
        return answer({"customer": one, "orders": store.orders_of(self.world.db, one.id)})

    async def action(self, request: Request) -> Response:
        """Do something in a shop or as a customer."""
        return answer(perform(self.sandbox, request.path_params["name"], await given(request)))

    async def actions(self, _: Request) -> Response:
        """The names of all actions."""
        return answer(sorted(ACTIONS))

    async def bulk(self, request: Request) -> Response:
        """`hold`: operations stay RUNNING until false; `fail`: error code of the next one; `expire`: the links given so
        far are no longer good; `expire_at`: the next download breaks off at that byte, and so do its links."""
        data = await given(request)
        bulks = self.sandbox.acts.bulks
        if "hold" in data:
            (bulks.released.clear if data["hold"] else bulks.released.set)()
        if "fail" in data:
            bulks.next_error = data["fail"]
        if data.get("expire"):
            bulks.links += 1
        if "expire_at" in data:
            bulks.expire_at = data["expire_at"]
        return answer({"held": not bulks.released.is_set(), "fail": bulks.next_error})

    async def live(self, request: Request) -> Response:
        """`on`: switch live traffic; `steps`: do that many acts now."""
        data = await given(request)
        if "on" in data:
            self.world.settings.live = bool(data["on"])
            self.world.save_settings()
            self.sandbox.live.wake.set()
        for _ in range(int(data.get("steps", 0))):
            self.sandbox.live.step()
        return answer({"live": self.world.settings.live, "done": self.sandbox.live.done})

    async def reset(self, _: Request) -> Response:
        """Forget deliveries, sends, replies, subscriptions and settings; customers and orders stay."""
        self.sandbox.sends.flush()
        with self.world.db.transaction():
            for table in ("delivery", "sent", "inbound", "person", "subscription"):
                self.world.db.run(f"DELETE FROM {table}")  # noqa: S608 - our own names
        self.sandbox.outbox.heap.clear()
        self.sandbox.sends.heap.clear()
        self.sandbox.crowd.known.clear()
        self.sandbox.crowd.by_user_id.clear()
        self.world.settings = Settings()
        self.world.save_settings()
        return answer({"ok": True})
