"""What every measurement stands on: the program set up over an embedded PostgreSQL of its own, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sayso.config.postgres import EmbeddedPostgres


@contextmanager
def ground(keep: str | None = None) -> Iterator[tuple[Path, EmbeddedPostgres]]:
    """The data directory and its server, migrated. ``keep``: a directory to make it in, and to leave there.

    Import nothing of sayso before: Django is set up here.
    """
    folder = Path(keep or tempfile.mkdtemp(prefix="sayso-bench-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    (folder / "static").mkdir(exist_ok=True)  # as the web process makes it
    os.environ |= {"SAYSO_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "sayso.config.settings"}
    os.environ.pop("DATABASE_URL", None)
    import django

    django.setup()
    from sayso.config import database

    server = database.embedded()
    assert server
    try:
        server.start()
        database.bootstrap(server)
        database.migrate()
        yield folder, server
    finally:
        server.stop()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
