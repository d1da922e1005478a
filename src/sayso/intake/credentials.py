"""The few distinct secrets that deliveries are signed with, in memory."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Set

import psycopg

from sayso.events.listen import connection_parameters, notifications
from sayso.shops.fields import EncryptedField, UndecipherableSecret

from .providers import providers

log = logging.getLogger(__name__)

CHANNEL = "sayso_provider_app"  # rung by a trigger on the table, see sql/10_intake.sql
EVERY = 30.0  # seconds between reloads should a ring be lost
AT_MOST_EVERY = 1.0  # seconds between reloads that unverified signatures cause: a flood of them costs one query

Secrets = Mapping[str, frozenset[int]]
"""Secret → the apps that sign with it."""


def _plain(*stored: str | None) -> dict[str, None]:
    field = EncryptedField()
    return dict.fromkeys(field.from_db_value(text, None, None) or "" for text in stored if text)


def _of(secrets: Mapping[str, Set[int]], apps: Set[int] | None = None) -> Secrets:
    """The secrets of some apps, or of all."""
    found = {secret: frozenset(owners if apps is None else owners & apps) for secret, owners in secrets.items()}
    return {secret: owners for secret, owners in found.items() if owners}


class CredentialsUnknown(Exception):
    """The secrets were never read: nothing can be said about a signature yet."""


class Credentials:
    """Secrets and verify tokens of all provider apps, and for which shops each of them may speak."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secrets] | None = None
        self._of_shop: dict[tuple[str, str], Secrets] = {}
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._complained: set[str] = set()
        self._lock = asyncio.Lock()
        self._tried_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def secrets(self, provider: str, shop_domain: str = "") -> Secrets:
        """Current and previous secrets; of a shop that is known, those of its app alone.

        One app's secret is known to whoever made the app, and is worth nothing for the shops of others. Raises
        CredentialsUnknown before the first successful load.
        """
        if self._secrets is None:
            raise CredentialsUnknown
        found = self._of_shop.get((provider, shop_domain))
        return self._secrets.get(provider, {}) if found is None else found

    def knows(self, provider: str, shop_domain: str) -> bool:
        """Whether a shop was there when the table was read last."""
        return (provider, shop_domain) in self._of_shop

    def tokens(self, provider: str) -> tuple[str, ...]:
        if self._secrets is None:
            raise CredentialsUnknown
        return self._tokens.get(provider, ())

    async def start(self) -> None:
        """Load once, then keep fresh. An unreachable database is tried again later."""
        await self.refresh()
        self._task = asyncio.create_task(self._keep_fresh(), name="credentials")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self, at_most_every: float = 0) -> bool:
        """Read the table again unless that was tried within ``at_most_every`` seconds; whether anything changed."""
        now = asyncio.get_running_loop().time
        async with self._lock:
            if now() - self._tried_at < at_most_every:
                return False
            self._tried_at = now()
            before = self._secrets, self._tokens, self._of_shop
            try:
                await self._load()
            except psycopg.Error as error:
                log.warning("cannot read the provider secrets: %s", type(error).__name__)
            return before != (self._secrets, self._tokens, self._of_shop)

    async def _load(self) -> None:
        secrets: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        served: dict[tuple[str, str], set[int]] = defaultdict(set)
        tokens: dict[str, dict[str, None]] = defaultdict(dict)
        async with await psycopg.AsyncConnection.connect(**connection_parameters()) as connection:
            rows = await connection.execute(
                # a secret that was replaced counts for a while, see provider_app.previous_until
                "select id, provider, secret, case when previous_until is null or previous_until > now()"
                " then previous_secret end, verify_token from provider_app order by id"
            )
            async for app, provider, secret, previous, token in rows:
                try:
                    for plain in _plain(secret, previous):
                        secrets[provider][plain].add(app)
                    tokens[provider].update(_plain(token))
                except UndecipherableSecret as error:
                    if provider not in self._complained:  # once: it is read again every second while unverified
                        log.error("the %s app's deliveries are refused: %s", provider, error)
                    self._complained.add(provider)
            for one in providers():
                if one.served_shops:
                    async for app, domain in await connection.execute(one.served_shops.encode()):
                        served[one.name, domain].add(app)
        self._secrets = {provider: _of(found) for provider, found in secrets.items()}
        self._of_shop = {
            (provider, domain): _of(secrets[provider], apps) for (provider, domain), apps in served.items()
        }
        self._tokens = {provider: tuple(found) for provider, found in tokens.items()}

    async def _keep_fresh(self) -> None:
        async for _ in notifications(CHANNEL, every=EVERY):
            await self.refresh()
