"""Starting and stopping the process."""

import asyncio
import fcntl
import json
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import uvicorn

from .app import App
from .meta.endpoint import Dropped
from .sandbox import Sandbox


@dataclass
class Options:
    """What the command line says."""

    port: int
    folder: Path
    seed: int
    epoch: str
    shops: list[str]
    customers: int
    orders: int
    live: bool
    ready_file: Path | None


class _Server(uvicorn.Server):
    """Tells its port once it serves."""

    def __init__(self, config: uvicorn.Config, port: int, ready_file: Path | None) -> None:
        super().__init__(config)
        self.port, self.ready_file = port, ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so on standard output and in the ready file."""
        await super().startup(sockets)
        line = json.dumps({"port": self.port})
        print(line, flush=True)
        if self.ready_file:
            # a reader must never see half a line
            draft = self.ready_file.with_suffix(".draft")
            draft.write_text(line + "\n")
            draft.replace(self.ready_file)


def _quiet(record: logging.LogRecord) -> bool:
    """Whether a line of the server is worth showing: not that a test had a connection dropped."""
    return not (record.exc_info and isinstance(record.exc_info[1], Dropped))


def _listen(port: int) -> socket.socket:
    # asyncio switches off Nagle's delay only where the protocol is named
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _lock(folder: Path) -> IO[bytes]:
    """Hold the data directory for this process; a kill lets it go. Raises SystemExit where another holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(f"another sandbox uses {folder}") from None
    return file


async def _serve(options: Options) -> None:
    listener = _listen(options.port)
    port = listener.getsockname()[1]
    sandbox = Sandbox(options.folder, options.seed, options.epoch, f"http://127.0.0.1:{port}")
    for place, domain in enumerate(options.shops):
        sandbox.world.open_shop(domain, options.customers if not place else 0, options.orders if not place else 0)
    sandbox.meta.reload()
    if options.live:
        sandbox.world.settings.live = True
    sandbox.start()
    # dropped connections are asked for by tests; the server need not complain about them
    logging.getLogger("uvicorn.error").addFilter(_quiet)
    config = uvicorn.Config(
        App(sandbox), log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    try:
        await _Server(config, port, options.ready_file).serve(sockets=[listener])
    finally:
        await sandbox.stop()


def run(options: Options) -> None:
    """Serve until SIGINT or SIGTERM."""
    with _lock(options.folder):
        asyncio.run(_serve(options))
