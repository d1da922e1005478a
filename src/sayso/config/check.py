"""``sayso check``: whether the installation is as it must be, and what to do where it is not."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from django.conf import settings

from sayso.channels.base_url import ForbiddenAddress, check_base_url
from sayso.events.listen import connection_parameters
from sayso.messaging.models import Sender
from sayso.shopify.models import Connection
from sayso.shops.fields import UndecipherableSecret
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import shop_context

from . import environment, stamp
from .process import TooStrong, require_weak_role

OLDEST = 15
SKEW = 5.0  # seconds between the clocks of this machine and of the database before it matters to consent times
LITTLE, TOO_LITTLE = 5 * 2**30, 2**30  # bytes free
LEAKPROOF = ("textlike", "texticlike", "arraycontains", "arrayoverlap", "lower")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``status`` is ``ok``, ``warning`` (works, but worse) or ``failed``."""

    name: str
    status: str
    detail: str
    remedy: str = ""


Examination = Callable[[psycopg.Connection], Iterator[Finding]]


def examine() -> list[Finding]:
    """Look at everything; never raises for what it is there to find."""
    findings = list(_disk())
    try:
        with psycopg.connect(**connection_parameters(), autocommit=True) as connection:
            findings.append(Finding("database", "ok", "reachable"))
            for examination in (_version, _role, _schema, _leakproof, _clock):
                findings += examination(connection)
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        return [
            *findings,
            Finding("database", "failed", f"cannot be used: {reason}", "See DATABASE_URL in docs/settings.md."),
        ]
    if any(one.status == "failed" for one in findings):
        return findings
    findings += _keys()
    if findings[-1].status == "ok":  # else there is nothing to read
        findings += [*_addresses(), *_public_address()]
    return findings


def _version(connection: psycopg.Connection) -> Iterator[Finding]:
    number = connection.info.server_version // 10000
    if number < OLDEST:
        yield Finding("version", "failed", f"PostgreSQL {number}", f"Use PostgreSQL {OLDEST} or newer.")
    else:
        yield Finding("version", "ok", f"PostgreSQL {number}")


def _role(connection: psycopg.Connection) -> Iterator[Finding]:
    try:
        require_weak_role(connection)
    except TooStrong as error:
        yield Finding("role", "failed", str(error), "Let DATABASE_URL name the role sayso_app.")
    else:
        yield Finding("role", "ok", f"{connection.info.user} owns nothing and is held by row-level security")


def _schema(connection: psycopg.Connection) -> Iterator[Finding]:
    if stamp.matches(connection):
        yield Finding("schema", "ok", "of this version")
    else:
        yield Finding("schema", "failed", "not of this version", "Run ./sayso migrate.")


def _leakproof(connection: psycopg.Connection) -> Iterator[Finding]:
    """Without the marks row-level security keeps searches from their indexes."""
    rows = connection.execute(
        "select proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname = any(%s)"
        " and proleakproof group by proname",
        [list(LEAKPROOF)],
    ).fetchall()
    if lacking := sorted(set(LEAKPROOF) - {name for (name,) in rows}):
        yield Finding(
            "search", "warning", f"not marked leakproof: {', '.join(lacking)}; searches are slow",
            "Run what ./sayso db init prints, as a superuser.",
        )  # fmt: skip
    else:
        yield Finding("search", "ok", "uses its indexes under row-level security")


def _clock(connection: psycopg.Connection) -> Iterator[Finding]:
    began = time.time()
    (theirs,) = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone() or (0.0,)
    skew = abs(float(theirs) - (began + time.time()) / 2)
    if skew > SKEW:
        detail = f"{skew:.0f} s apart from the database's"
        yield Finding("clock", "failed", detail, "Consent is decided by time: keep both machines at NTP.")
    else:
        yield Finding("clock", "ok", f"{skew:.1f} s apart from the database's")


def _disk() -> Iterator[Finding]:
    path = environment.ensure_data_dir()
    if settings.EMBEDDED_POSTGRES and settings.EMBEDDED_POSTGRES.base.exists():
        path = settings.EMBEDDED_POSTGRES.base
    free = shutil.disk_usage(path).free
    detail = f"{free / 2**30:.1f} GiB free in {path}"
    if free < TOO_LITTLE:
        yield Finding("disk", "failed", detail, "Make room: PostgreSQL stops when the disk is full.")
    elif free < LITTLE:
        yield Finding("disk", "warning", detail, "Make room before an import; a million contacts need about 3 GiB.")
    else:
        yield Finding("disk", "ok", detail)


def _keys() -> Iterator[Finding]:
    """Every stored secret can be read."""
    try:
        shops = list(Shop.objects.order_by("pk"))
        apps = list(ProviderApp.objects.all())
        senders = 0
        for shop in shops:
            with shop_context(shop.pk):
                senders += len(list(Sender.objects.all()))
                list(Connection.objects.filter(shop_id=shop.pk))
    except UndecipherableSecret as error:
        yield Finding("keys", "failed", str(error), "Put the key it was written with into SAYSO_SECRET_KEY_FALLBACKS.")
    else:
        yield Finding(
            "keys", "ok", f"the secrets of {len(shops)} shops, {len(apps)} apps, {senders} numbers can be read"
        )


def _addresses() -> Iterator[Finding]:
    """A real shop never speaks to this machine, a sandbox one to no other."""
    wrong = []
    for shop in Shop.objects.order_by("pk"):
        with shop_context(shop.pk):
            addresses = [one.base_url for one in Connection.objects.filter(shop_id=shop.pk)]
            addresses += [one.base_url for one in Sender.objects.all()]
        for address in addresses:
            try:
                check_base_url(address, sandbox=shop.is_sandbox)
            except ForbiddenAddress as error:
                wrong.append(f"{shop.domain}: {error}")
    if wrong:
        yield Finding("addresses", "failed", "; ".join(wrong), "Connect the shop or the number again.")
    else:
        yield Finding("addresses", "ok", "sandbox and real connections speak to where they may")


def _public_address() -> Iterator[Finding]:
    if settings.PUBLIC_URL.startswith("https://"):
        yield Finding("public address", "ok", settings.PUBLIC_URL)
    elif Shop.objects.filter(is_sandbox=False).exists():
        yield Finding(
            "public address", "warning", "none with https: Shopify and Meta cannot push webhooks here",
            "Set SAYSO_URL to the public https address.",
        )  # fmt: skip
