"""The web process: ``python -m sayso.config.web``. One event loop, one uvicorn, on a socket or an address."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sayso.config.settings")

import uvicorn

from .asgi import application
from .life import await_go

DRAIN = 5  # seconds that open requests get when the server stops


class Server(uvicorn.Server):
    """Ends the live streams before it waits for open requests: they would never end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        application.live.close()
        await super().shutdown(sockets)


def serve(sockets: list[socket.socket] | None, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        backlog=2048,
        server_header=False,
        proxy_headers=False,  # the application reads them where they matter
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN,
    )
    Server(config).run(sockets=sockets)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sayso.config.web", description="Serve pages, API and webhooks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fd", type=int, help="a listening socket that was inherited")
    given = parser.parse_args(arguments)
    sockets = [socket.socket(fileno=given.fd)] if given.fd is not None else None
    await_go()
    serve(sockets, given.host, given.port)


if __name__ == "__main__":
    main()
