"""Tokens: client credentials, authorization code, refresh."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ..outbox import is_loopback
from ..records import Shop
from ..world import World

DAY, HOUR, NINETY_DAYS = 86_399, 3_600, 7_776_000  # seconds
_DOMAIN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com")


def token_is_good(world: World, shop: Shop, token: str | None) -> bool:
    """Whether `token` opens `shop` now."""
    row = world.db.one(
        "SELECT expires FROM token WHERE token = ? AND shop = ? AND kind = 'access'", token or "", shop.id
    )
    good = bool(row) and (row[0] is None or row[0] > time.time())
    if good and token:
        _used(world, token)
    return good


def _used(world: World, token: str) -> None:
    """A pair that is used replaces the refresh token it was got with; until then that one may be tried again."""
    rows = world.db.all("SELECT token FROM replaced WHERE by = ?", token)
    for (old,) in rows:
        world.db.run("DELETE FROM token WHERE token = ?", old)
        world.db.run("DELETE FROM replaced WHERE token = ?", old)


def query_hmac(params: dict[str, str], secret: str) -> str:
    """Hex HMAC-SHA256 over the sorted query without `hmac`."""
    text = "&".join(f"{key}={value}" for key, value in sorted(params.items()) if key != "hmac")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _new(world: World, shop: Shop, kind: str, prefix: str, seconds: float | None) -> str:
    token = prefix + secrets.token_hex(16)
    expires = time.time() + seconds if seconds is not None else None
    world.db.run("INSERT INTO token VALUES (?, ?, ?, ?)", token, shop.id, kind, expires)
    return token


def _failure(code: str, text: str) -> Response:
    return JSONResponse({"error": code, "error_description": text}, 400)


class OAuth:
    """`/admin/oauth/…` of all shops."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def authorize(self, request: Request) -> Response:
        """The merchant's consent page, which in the sandbox says yes at once and redirects back."""
        shop = self.world.shops.get(request.path_params["domain"])
        given = request.query_params
        target = given.get("redirect_uri", "")
        if shop is None or given.get("client_id") != shop.client_id:
            return JSONResponse({"error": "invalid_request"}, 400)
        if not is_loopback(target) or not _DOMAIN.fullmatch(shop.domain):
            return _failure("invalid_request", "The redirect_uri is not whitelisted")
        answer = {
            "code": _new(self.world, shop, "code", "", 60),
            "shop": shop.domain,
            "timestamp": str(int(time.time())),
            "host": base64.b64encode(f"{shop.domain}/admin".encode()).decode().rstrip("="),
        }
        if "state" in given:
            answer["state"] = given["state"]
        answer["hmac"] = query_hmac(answer, shop.client_secret)
        return RedirectResponse(target + ("&" if urlsplit(target).query else "?") + urlencode(answer), 302)

    async def access_token(self, request: Request) -> Response:
        """`POST /admin/oauth/access_token`, form or JSON."""
        shop = self.world.shops.get(request.path_params["domain"])
        body = await request.body()
        try:
            given: dict[str, Any] = msgspec.json.decode(body) if body[:1] == b"{" else dict(parse_qsl(body.decode()))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _failure("invalid_request", "The body is neither a form nor JSON")
        secret = str(given.get("client_secret", ""))
        if (
            shop is None
            or given.get("client_id") != shop.client_id
            or not hmac.compare_digest(secret.encode(), shop.client_secret.encode())
        ):
            return _failure("invalid_client", "The client is unknown or its secret is wrong")
        if shop.uninstalled:
            # asking again is how an app comes back after it was removed
            shop.uninstalled = None
            self.world.save_shop(shop)
        grant = given.get("grant_type") or ("authorization_code" if "code" in given else "")
        grants = {
            "client_credentials": self._by_credentials,
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
        }
        if grant not in grants:
            return _failure("unsupported_grant_type", f"The grant type {grant!r} is not spoken by the sandbox")
        return grants[grant](shop, given)

    def _by_credentials(self, shop: Shop, _: dict[str, Any]) -> Response:
        token = _new(self.world, shop, "access", "shpat_", DAY)
        return JSONResponse({"access_token": token, "scope": ",".join(shop.scopes), "expires_in": DAY})

    def _by_code(self, shop: Shop, given: dict[str, Any]) -> Response:
        if not self._use(shop, "code", str(given.get("code", ""))):
            return _failure("invalid_request", "The authorization code was not found or was already used")
        if str(given.get("expiring", "")) == "1":
            return self._pair(shop)
        token = _new(self.world, shop, "access", "shpat_", None)
        return JSONResponse({"access_token": token, "scope": ",".join(shop.scopes)})

    def _by_refresh(self, shop: Shop, given: dict[str, Any]) -> Response:
        old = str(given.get("refresh_token", ""))
        row = self.world.db.one(
            "SELECT expires FROM token WHERE token = ? AND kind = 'refresh' AND shop = ?", old, shop.id
        )
        if not row or row[0] <= time.time():
            return _failure("invalid_request", "This request requires an active refresh_token")
        _used(self.world, old)
        return self._pair(shop, old)

    def _pair(self, shop: Shop, old: str | None = None) -> Response:
        access = _new(self.world, shop, "access", "shpat_", HOUR)
        refresh = _new(self.world, shop, "refresh", "shprt_", NINETY_DAYS)
        for token in (access, refresh) if old else ():
            self.world.db.run("INSERT INTO replaced VALUES (?, ?)", old, token)
        return JSONResponse(
            {
                "access_token": access,
                "expires_in": HOUR,
                "scope": ",".join(shop.scopes),
                "refresh_token": refresh,
                "refresh_token_expires_in": NINETY_DAYS,
            }
        )

    def _use(self, shop: Shop, kind: str, token: str) -> bool:
        row = self.world.db.one(
            "DELETE FROM token WHERE token = ? AND kind = ? AND shop = ? RETURNING expires", token, kind, shop.id
        )
        return bool(row) and row[0] > time.time()
