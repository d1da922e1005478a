"""Writing a large file in chunks, so that a crash costs one chunk and memory holds one chunk.

Each chunk is read in a transaction of its own, appended, and on the disk before its end is noted in the database; taken up
again, a file is cut back to where the database knows it to be.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sayso.consent.models import Export
from sayso.shops.tenancy import shop_context


@dataclass(frozen=True)
class Chunk:
    """Bytes to append, how many rows they are, and the position behind them."""

    content: bytes
    rows: int
    position: int


@dataclass(frozen=True)
class Part:
    """One file: its name, who gives the chunk behind a position (None at the end), and what it begins with."""

    name: str
    chunk: Callable[[Export, int], Chunk | None]
    header: bytes = b""
    counted: bool = True  # whether its rows are the progress that is shown


class Stopped(Exception):
    """The worker is going down; the export goes on where it is when it is taken up again."""


def write_parts(
    export_id: int, shop_id: int, folder: Path, parts: list[Part], should_stop: Callable[[], bool] = lambda: False
) -> list[Path]:
    """Write what is still missing of every part; answers the files. Raises :class:`Stopped`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number, part in enumerate(parts):
        _write(export_id, shop_id, folder / part.name, number, part, should_stop)
    return [folder / part.name for part in parts]


def _write(export_id: int, shop_id: int, path: Path, number: int, part: Part, should_stop: Callable[[], bool]) -> None:
    with shop_context(shop_id):
        export = Export.objects.get(pk=export_id)
    position: dict[str, Any] = export.position
    if position.get("part", 0) > number:
        return
    begun = position.get("part", 0) == number and "bytes" in position and path.exists()
    after, size = (position["after"], position["bytes"]) if begun else (0, 0)
    with path.open("r+b" if begun else "wb") as file:
        file.truncate(size)
        file.seek(size)
        if not begun:
            file.write(part.header)
        while True:
            if should_stop():
                raise Stopped
            with shop_context(shop_id):
                chunk = part.chunk(export, after)
                if chunk is None:
                    _durable(file)
                    Export.objects.filter(pk=export_id).update(position={"part": number + 1})
                    return
                file.write(chunk.content)
                _durable(file)
                after = chunk.position
                done = export.done + (chunk.rows if part.counted else 0)
                place = {"part": number, "after": after, "bytes": file.tell()}
                Export.objects.filter(pk=export_id).update(position=place, done=done)
                export.done = done


def _durable(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
