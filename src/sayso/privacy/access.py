"""The package of everything held about a person (GDPR Art. 15, 20): a zip of JSON and CSV, streamed into the database."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from sayso.contacts import merge
from sayso.events.models import Event
from sayso.shops import personal
from sayso.shops.models import Shop
from sayso.shops.personal import Holding, Row
from sayso.shops.tenancy import shop_context

from . import people, retention
from .models import PackagePart, PrivacyRequest
from .people import Named

PART = 1 << 20  # bytes a row
_FORMULA = re.compile(r"^[=@\t\r]|^[+-](?![\d\s().+-]*$)")
"""What a spreadsheet would run. A phone number or an amount that begins with a sign is none."""


def carry_out(request: PrivacyRequest) -> dict[str, int]:
    """Build the package of a claimed request; answers the rows of each file. Needs the shop's transaction.

    A person nobody knows gets a package too: it says so.
    """
    shop, named = people.current_shop(), Named.from_json(request.subject)
    ids = merge.whole_person(request.contact_ids) or people.find(named, shop)
    whom = people.subject(ids, named, shop, request_id=request.pk, to_hand_out=True)
    request.contact_ids = ids
    PackagePart.objects.filter(request_id=request.pk).delete()  # of an attempt before
    out = _Parts(request)
    counts: dict[str, int] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for holding in personal.holdings():
            if holding.collect is not None:
                counts[holding.name] = _write(archive, holding, holding.collect(whom))
        archive.writestr("README.txt", _readme(shop, request, counts))
    out.finish()
    request.package_size = out.size
    request.package_expires_at = timezone.now() + timedelta(days=retention.days(shop, "exports"))
    Event.objects.create(
        shop_id=shop.pk, kind="export.created", occurred_at=timezone.now(), actor_kind=request.actor_kind,
        actor_id=request.actor_id, origin="privacy", contact_id=ids[0] if len(ids) == 1 else None,
        data={"what": "access_package", "request": request.pk, "rows": sum(counts.values()), "bytes": out.size},
    )  # fmt: skip
    return counts


def taken(request: PrivacyRequest, *, actor_kind: str, actor_id: str) -> None:
    """Say in the event log who takes the package of a request. Needs the shop's transaction."""
    now = timezone.now()
    PrivacyRequest.objects.filter(pk=request.pk).update(downloaded_at=now)
    Event.objects.create(
        shop_id=request.shop_id, kind="privacy.package_downloaded", occurred_at=now, actor_kind=actor_kind,
        actor_id=actor_id, origin="privacy", data={"request": request.pk},
    )  # fmt: skip


def download(shop_id: int, request_id: int) -> Iterator[bytes]:
    """The package piece by piece, each in a transaction of its own: a slow download holds none open."""
    number = 0
    while True:
        with shop_context(shop_id):
            part = (
                PackagePart.objects.filter(request_id=request_id, number=number).values_list("data", flat=True).first()
            )
        if part is None:
            return
        yield bytes(part)
        number += 1


class _Parts(io.RawIOBase):
    """Where the zip is written: a file that cannot be sought, cut into rows."""

    def __init__(self, request: PrivacyRequest) -> None:
        super().__init__()
        self._shop_id, self._request_id = request.shop_id, request.pk
        self._buffer = bytearray()
        self._number = 0
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._buffer += piece
        self.size += len(piece)
        while len(self._buffer) >= PART:
            self._store(PART)
        return len(piece)

    def finish(self) -> None:
        if self._buffer:
            self._store(len(self._buffer))

    def _store(self, length: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into privacy_package_part (shop_id, request_id, number, data) values (%s, %s, %s, %s)",
                [self._shop_id, self._request_id, self._number, bytes(self._buffer[:length])],
            )
        del self._buffer[:length]
        self._number += 1


def _write(archive: zipfile.ZipFile, holding: Holding, rows: Iterator[Row]) -> int:
    """One holding as JSON and as CSV. Two members of a zip cannot be open at once, so the table waits in a spool, which
    lies on the disk where it is large."""
    count = 0
    writer: Any = None
    with tempfile.SpooledTemporaryFile(PART, "w+", encoding="utf-8", newline="") as table:
        with archive.open(f"{holding.name}.json", "w") as member:
            member.write(b"[")
            for row in rows:
                plain = {name: _plain(value) for name, value in row.items()}
                member.write((",\n" if count else "\n").encode() + json.dumps(plain, ensure_ascii=False).encode())
                if writer is None:
                    writer = csv.DictWriter(table, list(plain), lineterminator="\r\n")
                    writer.writeheader()
                writer.writerow({name: _cell(value) for name, value in plain.items()})
                count += 1
            member.write(b"\n]\n" if count else b"]\n")
        if count:
            table.seek(0)
            with archive.open(f"{holding.name}.csv", "w") as member:
                member.write(b"\xef\xbb\xbf")  # the mark by which spreadsheets see UTF-8
                while piece := table.read(PART):
                    member.write(piece.encode())
    return count


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _FORMULA.match(value):
        return "'" + value
    return value


def _readme(shop: Shop, request: PrivacyRequest, counts: dict[str, int]) -> str:
    titles = {holding.name: holding.title for holding in personal.holdings()}
    width = max(len(name) for name in titles)
    held = "\n".join(f"  {name:<{width}}  {count:>6}  {titles[name]}" for name, count in counts.items())
    nobody = "" if request.contact_ids else "\nNobody is known under the names of this request.\n"
    return (
        f"Everything {shop.name} ({shop.domain}) holds about you\n"
        f"Made on {timezone.now():%Y-%m-%d %H:%M} UTC, request {request.pk} of {request.received_at:%Y-%m-%d}.\n{nobody}\n"
        "Each file is there twice, as JSON and as CSV (a table); an empty one only as JSON. Times are ISO 8601.\n\n"
        f"  {'file':<{width}}  {'rows':>6}\n{held}\n\n"
        "You may ask to have this corrected or erased, and object to marketing at any time (GDPR Art. 16, 17, 21).\n"
    )
