"""A sandbox for tests: `with Sandbox() as box:` starts the process and ends it.

Everything goes over HTTP, as in life; there is no other way in.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from .known import (
    APP_SECRET,
    CLIENT_ID,
    CLIENT_SECRET,
    DOMAIN,
    PHONE_NUMBER_ID,
    TOKEN,
    VERIFY_TOKEN,
    WABA_ID,
)

__all__ = [
    "APP_SECRET",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "DOMAIN",
    "PHONE_NUMBER_ID",
    "TOKEN",
    "VERIFY_TOKEN",
    "WABA_ID",
    "Delivery",
    "Sandbox",
    "SandboxError",
]

VERSION = "2026-10"


class SandboxError(RuntimeError):
    """The sandbox did not start, did not settle, or refused."""


@dataclass(frozen=True)
class Delivery:
    """One webhook as it was or would be sent."""

    id: int
    kind: str
    topic: str
    state: str
    attempts: int
    url: str
    headers: dict[str, str]
    body: bytes
    answer: str | None

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Sandbox:
    """A running sandbox process and its control API.

    `folder`: keep the data there (default: a temporary directory that is removed at the end).
    Other arguments are those of the command line. All waits are bounded and raise SandboxError.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        customers: int = 40,
        orders: int = 60,
        seed: int = 1,
        live: bool = False,
        python: str = sys.executable,
    ) -> None:
        self._own = None if folder else tempfile.TemporaryDirectory(prefix="sayso-sandbox-")
        self.folder = folder or Path(self._own.name if self._own else "")
        self.arguments = [
            "--seed",
            str(seed),
            "--customers",
            str(customers),
            "--orders",
            str(orders),
            *(["--live"] if live else []),
        ]
        self.size = customers + orders
        self.python = python
        self.process: subprocess.Popen[bytes] | None = None
        self.base = ""
        self.http = httpx.Client(trust_env=False, timeout=30)
        self.tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.http.close()
        if self._own:
            self._own.cleanup()

    def start(self) -> None:
        """Start the process and wait until it serves: a minute, and more for a large store, which is made first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        # the package may be run from a source tree that is not installed
        source = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [
                self.python,
                "-m",
                "sayso.sandbox",
                "--port",
                "0",
                "--data-dir",
                str(self.folder),
                "--ready-file",
                str(ready),
                *self.arguments,
            ],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + 60 + self.size / 2_000
        while not ready.exists():
            if self.process.poll() is not None:
                raise SandboxError(f"the sandbox ended with {self.process.returncode}")
            if time.monotonic() > end:
                raise SandboxError("the sandbox did not start")
            time.sleep(0.01)
        self.base = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"

    def stop(self) -> None:
        """End the process in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process as a power cut would: SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    # --- addresses ---------------------------------------------------------------------------

    def shopify_url(self, domain: str = DOMAIN) -> str:
        """What stands for `https://{domain}`."""
        return f"{self.base}/shopify/{domain}"

    @property
    def meta_url(self) -> str:
        """What stands for `https://graph.facebook.com`."""
        return f"{self.base}/meta"

    # --- the platforms -----------------------------------------------------------------------

    def access_token(self, domain: str = DOMAIN, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET) -> str:
        """A token by the client credentials grant; `graphql` uses the newest one of the shop."""
        reply = self.http.post(
            f"{self.shopify_url(domain)}/admin/oauth/access_token",
            data={"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret},
        )
        reply.raise_for_status()
        self.tokens[domain] = str(reply.json()["access_token"])
        return self.tokens[domain]

    def graphql(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        domain: str = DOMAIN,
        version: str = VERSION,
        operation: str | None = None,
    ) -> dict[str, Any]:
        """The whole answer of the Admin API to a document."""
        if domain not in self.tokens:
            self.access_token(domain)
        reply = self.http.post(
            f"{self.shopify_url(domain)}/admin/api/{version}/graphql.json",
            headers={"X-Shopify-Access-Token": self.tokens[domain]},
            json={"query": query, "variables": variables or {}, "operationName": operation},
        )
        reply.raise_for_status()
        return dict(reply.json())

    def subscribe(self, topic: str, uri: str) -> dict[str, Any]:
        """Subscribe to a topic (its enum name) and answer the subscription."""
        done = self.graphql(
            "mutation($t: WebhookSubscriptionTopic!, $s: WebhookSubscriptionInput!) { "
            "webhookSubscriptionCreate(topic: $t, webhookSubscription: $s) { webhookSubscription { id topic uri } "
            "userErrors { field message } } }",
            {"t": topic, "s": {"uri": uri}},
        )["data"]["webhookSubscriptionCreate"]
        if done["userErrors"]:
            raise SandboxError(str(done["userErrors"]))
        return dict(done["webhookSubscription"])

    def send_message(
        self, body: dict[str, Any], *, token: str = TOKEN, number: str = PHONE_NUMBER_ID
    ) -> httpx.Response:
        """Send through the Cloud API."""
        return self.http.post(
            f"{self.meta_url}/v26.0/{number}/messages", json=body, headers={"Authorization": f"Bearer {token}"}
        )

    # --- control -----------------------------------------------------------------------------

    def get(self, path: str, /, **params: str | int | None) -> Any:
        """GET `/control/{path}`."""
        return self._checked(
            self.http.get(f"{self.base}/control/{path}", params={k: v for k, v in params.items() if v is not None})
        )

    def post(self, path: str, /, **data: Any) -> Any:
        """POST `/control/{path}` with a JSON object."""
        return self._checked(self.http.post(f"{self.base}/control/{path}", json=data))

    @staticmethod
    def _checked(reply: httpx.Response) -> Any:
        if reply.is_error:
            raise SandboxError(f"{reply.status_code}: {reply.text}")
        return reply.json()

    def action(self, name: str, /, **arguments: Any) -> Any:
        """Do something in the shop or as a customer; README.md lists the names."""
        return self.post(f"actions/{name}", **arguments)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings; objects are merged."""
        return dict(self.post("settings", **changes))

    def hold(self, *kinds: str) -> None:
        """Collect deliveries of `shopify`, `meta` or both instead of sending them."""
        self.settings(**{kind: {"hold": True} for kind in kinds or ("shopify", "meta")})

    def release(self, kind: str | None = None) -> int:
        """Send what was held, and hold no longer: how many."""
        return int(self.post("deliveries/release", kind=kind)["released"])

    def deliveries(self, state: str = "held", kind: str | None = None) -> list[Delivery]:
        """Deliveries in a state: held, queued, sent, failed or lost."""
        return [
            Delivery(**{**row, "body": base64.b64decode(row["body"])})
            for row in self.get("deliveries", state=state, kind=kind)
        ]

    def clear(self) -> None:
        """Forget finished and held deliveries."""
        self.post("deliveries/clear")

    def sent(self, to: str | None = None) -> list[dict[str, Any]]:
        """Messages Meta accepted, oldest first."""
        return list(self.get("meta/sent", to=to)["sent"])

    def rules(self, *rules: dict[str, Any]) -> None:
        """What goes wrong with sends from now on; none to end it."""
        self.post("meta/rules", rules=list(rules))

    def meta_webhook(self, url: str | None, *, verify: bool = False) -> None:
        """Where Meta's webhooks go."""
        self.post("meta/webhook", url=url, verify=verify)

    def customers(self, q: str = "", limit: int = 50) -> list[dict[str, Any]]:
        """Customers whose name, e-mail or phone contains `q`."""
        return list(self.get("customers", q=q, limit=limit))

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until nothing is queued, no status is owed and no bulk operation runs."""
        reply = self.http.get(f"{self.base}/control/settle", params={"timeout": timeout}, timeout=timeout + 5)
        if reply.status_code != 200:
            raise SandboxError(f"still busy after {timeout} s: {self.get('health')}")
