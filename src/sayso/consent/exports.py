"""Exports in the background: asked for, written by a worker, downloaded within a day, deleted.

The files lie in the data directory, below ``exports/<shop>/<export>``; the table says how far each is.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id, shop_context

from .models import Export
from .proof import listings, pack
from .proof.writing import Part, write_parts

log = logging.getLogger(__name__)

JOB = "consent.export"
KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Kind:
    """What can be exported: its name for people, the file's name, its parts, and how many rows they will be."""

    name: str
    filename: str
    parts: Callable[[Export], list[Part]]
    count: Callable[[Export], int]
    rows: str = "entries"


KINDS = {
    "ledger_csv": Kind("Ledger, CSV", "ledger.csv", listings.ledger_csv, listings.count_ledger),
    "ledger_jsonl": Kind("Ledger, JSON Lines", "ledger.jsonl", listings.ledger_jsonl, listings.count_ledger),
    "messageable_csv": Kind(
        "Who could be messaged, CSV",
        "messageable.csv",
        listings.messageable_csv,
        listings.count_messageable,
        "contacts",
    ),
    "proof_pack": Kind("Proof pack", "proof-pack.zip", pack.parts, pack.count),
}


def request(
    kind: str,
    parameters: dict[str, Any] | None = None,
    *,
    actor_kind: str,
    actor_id: str = "",
    in_background: bool = True,
) -> Export:
    """Ask for an export of the current shop, and say so in the event log. Raises KeyError for a kind there is not.

    The job is part of the transaction: without a commit there is neither. Not ``in_background``: the caller runs it.
    """
    KINDS[kind]
    shop_id = current_shop_id()
    export = Export.objects.create(
        shop_id=shop_id, kind=kind, parameters=parameters or {}, created_by=f"{actor_kind}:{actor_id}".strip(":")
    )
    told(kind, parameters or {}, actor_kind=actor_kind, actor_id=actor_id, export=export.pk)
    if in_background:
        app.configure_task(JOB).defer(shop_id=shop_id, export_id=export.pk)
    return export


def told(kind: str, parameters: dict[str, Any], *, actor_kind: str = "staff", actor_id: str, **more: Any) -> None:
    """Say in the event log that something is taken out of the current shop; ``more`` stands beside it."""
    Event.objects.create(
        shop_id=current_shop_id(),
        kind="export.created",
        occurred_at=timezone.now(),
        actor_kind=actor_kind,
        actor_id=actor_id,
        origin="export",
        data={"kind": kind, **more, "parameters": parameters},
    )


def taken(export: Export, *, actor_id: str) -> None:
    """Say in the event log who of the team takes the file of an export: it need not be who asked for it."""
    Event.objects.create(
        shop_id=export.shop_id, kind="export.downloaded", occurred_at=timezone.now(), actor_kind="staff",
        actor_id=actor_id, origin="export", data={"kind": export.kind, "export": export.pk},
    )  # fmt: skip


def run(shop_id: int, export_id: int, should_stop: Callable[[], bool] = lambda: False) -> Export | None:
    """Carry an export to its end, from where it is. None where it is no longer wanted, or another worker has it.

    Raises ``Stopped`` (of ``proof.writing``) or ``Busy`` (of ``ledger.checkpoint``) where it is to be taken up again.
    """
    shop = Shop.objects.get(pk=shop_id)
    folder = directory(shop_id, export_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder) as alone:
        export = _begin(shop_id, export_id) if alone else None
        if export is None:
            return None
        kind = KINDS[export.kind]
        if export.total is None:
            if export.kind == "proof_pack":
                export.parameters |= pack.prepare(shop)
            with shop_context(shop_id):
                export.total = kind.count(export)
                export.save(update_fields=["total", "parameters"])
        files = write_parts(export_id, shop_id, folder, kind.parts(export), should_stop)
        target = folder / kind.filename
        if export.kind == "proof_pack":
            aside = folder / f".{kind.filename}"
            pack.assemble(shop, export, files, aside)
            aside.replace(target)
            for file in files:
                file.unlink()
        now = timezone.now()
        with shop_context(shop_id):
            Export.objects.filter(pk=export_id).update(
                state=Export.State.DONE,
                file=str(target.relative_to(_root())),
                sha256=pack.digest(target),
                bytes=target.stat().st_size,
                finished_at=now,
                expires_at=now + KEPT,
            )
            return Export.objects.get(pk=export_id)


def fail(shop_id: int, export_id: int, reason: str) -> None:
    """Give an export up, and say why."""
    with shop_context(shop_id):
        Export.objects.filter(pk=export_id).exclude(state=Export.State.DONE).update(
            state=Export.State.FAILED, error=reason[:500], finished_at=timezone.now()
        )
    shutil.rmtree(directory(shop_id, export_id), ignore_errors=True)


def expire() -> int:
    """Delete the files of exports whose day is over, and what belongs to no export; answers how many there were."""
    number = 0
    for shop in Shop.objects.order_by("pk"):
        with shop_context(shop.pk):
            over = Export.objects.filter(state=Export.State.DONE, expires_at__lte=timezone.now())
            ids = list(over.values_list("pk", flat=True))
            Export.objects.filter(pk__in=ids).update(state=Export.State.EXPIRED, file="")
            known = {str(id) for id in Export.objects.exclude(state__in=GONE).values_list("pk", flat=True)}
        folder = _root() / str(shop.pk)
        for path in folder.iterdir() if folder.exists() else ():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)
        number += len(ids)
    shops = {str(pk) for pk in Shop.objects.values_list("pk", flat=True)}
    for folder in _root().iterdir() if _root().exists() else ():
        if folder.name.isdecimal() and folder.name not in shops:
            shutil.rmtree(folder, ignore_errors=True)  # of a shop that was erased, perhaps by another machine
    return number


def forget(shop_id: int) -> None:
    """Delete the files of a shop that was erased; harmless where there are none."""
    shutil.rmtree(_root() / str(shop_id), ignore_errors=True)


GONE = (Export.State.EXPIRED, Export.State.FAILED)


def file_of(export: Export) -> Path | None:
    """The file to download; None where it is not there: not yet, no longer, or on another machine."""
    if export.state != Export.State.DONE or not export.file or not export.expires_at:
        return None
    path = (_root() / export.file).resolve()
    ours = path.is_relative_to(directory(export.shop_id, export.pk).resolve())
    return path if ours and path.exists() and export.expires_at > timezone.now() else None


def filename(export: Export, shop: Shop) -> str:
    """What the downloaded file is called."""
    stem, _, ending = KINDS[export.kind].filename.rpartition(".")
    return f"{shop.domain.split('.')[0]}-{stem}-{export.created_at:%Y-%m-%d}.{ending}"


def rate(export: Export) -> float | None:
    """Rows a second so far."""
    if not export.started_at or not export.done:
        return None
    seconds = ((export.finished_at or timezone.now()) - export.started_at).total_seconds()
    return export.done / seconds if seconds > 0 else None


def directory(shop_id: int, export_id: int) -> Path:
    return _root() / str(shop_id) / str(export_id)


def _root() -> Path:
    return Path(settings.DATA_DIR) / "exports"


def _begin(shop_id: int, export_id: int) -> Export | None:
    with shop_context(shop_id):
        export = Export.objects.select_for_update().filter(pk=export_id).first()
        if export is None or export.state not in (Export.State.QUEUED, Export.State.RUNNING):
            return None
        export.state = Export.State.RUNNING
        export.started_at = export.started_at or timezone.now()
        export.save(update_fields=["state", "started_at"])
        return export


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other process writes this export: a job that was rescued may still be running."""
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
