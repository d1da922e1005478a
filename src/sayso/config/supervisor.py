"""``sayso up``: the database, the sandbox where there is no real shop, the web and the worker process, as one program.

The children import while the database starts, so a second start serves its first page within about a second.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import json
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from . import environment
from .children import Child, stop_all

if TYPE_CHECKING:
    from rich.console import Console

    from .postgres import EmbeddedPostgres

log = logging.getLogger(__name__)

FIRST_PORT, PORTS = 8000, 100
SERVE_PATIENCE = 60.0  # seconds until the first page must be served
STOP_PATIENCE = 40.0  # seconds; the worker gives its loops thirty
RESTART_DELAY, LONGEST_DELAY, HEALTHY = 0.5, 30.0, 60.0  # seconds
OWNER_EMAIL = "owner@sayso.localhost"

CONNECT_SANDBOX = "sayso.shopify.connection.connect.connect_sandbox"
"""Called as ``connect_sandbox(sandbox_url, our_url)`` in Django, on every start with a sandbox: makes the shop and its
connections if they are missing, mends addresses that changed, starts the import if there was none, returns the shop."""


class CannotStart(Exception):
    """One sentence: what is in the way and what to do."""


class _Stopped(Exception):
    """Somebody asked to stop while it was starting."""


def up(*, host: str | None = None, port: int | None = None, sandbox: bool = True) -> int:
    """Run sayso until Ctrl-C, SIGTERM or the death of the web process. Returns the exit status.

    ``port`` None takes ``SAYSO_PORT``, else 8000 or the next free one. ``sandbox`` False never starts the sandbox.
    """
    began = time.monotonic()
    try:
        with _only_one(environment.ensure_data_dir()) as lock:
            chosen = port or int(environment.get("SAYSO_PORT", "0"))
            with _listen(host or environment.get("SAYSO_HOST", "127.0.0.1"), chosen) as listener:
                url = _url(listener)
                lock.truncate(0)
                lock.write(json.dumps({"pid": os.getpid(), "url": url}))
                lock.flush()
                os.environ.setdefault("SAYSO_URL", url)
                os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sayso.config.settings")
                return Supervisor(listener, url, began, sandbox=sandbox).run()
    except CannotStart as error:
        print(f"sayso: {error}", file=sys.stderr)
        return 1


@contextmanager
def _only_one(data: Path) -> Iterator[IO[str]]:
    """Hold the data directory; raises CannotStart if another ``up`` does."""
    with (data / ".up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            try:
                other = json.loads(lock.read())
                where = f"at {other['url']} (process {other['pid']})"
            except (ValueError, KeyError):
                where = "and is just starting"
            raise CannotStart(f"already running with the data in {data}, {where}") from None
        yield lock


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket on the port, or without one on 8000 or the next that is free. Raises CannotStart."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        # asyncio switches off Nagle's delay only where the protocol is named.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
        except PermissionError:
            listener.close()
            raise CannotStart(f"this account may not listen on port {candidate}; choose one above 1023") from None
        except OSError as error:
            listener.close()
            if isinstance(error, socket.gaierror) or port == candidate:
                raise CannotStart(f"cannot listen on {host} port {candidate}: {error.strerror}") from None
            continue
        # From now on callers wait instead of being refused.
        listener.listen(2048)
        return listener
    raise CannotStart(f"no free port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}; name one with SAYSO_PORT")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}"


class Supervisor:
    """Everything that runs, from the first child to the last."""

    def __init__(self, listener: socket.socket, url: str, began: float, *, sandbox: bool) -> None:
        self._listener = listener
        self._url = url
        self._began = began
        self._wants_sandbox = sandbox
        self._events: queue.SimpleQueue[Child | int] = queue.SimpleQueue()
        self._children: dict[str, Child] = {}
        self._delays: dict[str, float] = {}
        self._stopping = False
        self._ended = threading.Event()
        self._server: EmbeddedPostgres | None = None
        self._sandbox_arguments: list[str] = []

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._spawn("web")
        self._spawn("worker")
        try:
            try:
                self._start()
                return self._watch()
            except _Stopped:
                return 0
        finally:
            self._stopping = True
            self._ended.set()
            self._end()

    def _on_signal(self, number: int, _: Any) -> None:
        if self._stopping:  # ending takes care of itself; a second Ctrl-C must not leave the database half stopped
            return
        self._stopping = True
        self._ended.set()
        self._events.put(number)

    def _check(self) -> None:
        if self._stopping:
            raise _Stopped

    # Children

    def _spawn(self, name: str) -> Child:
        fd = self._listener.fileno()
        arguments, inherit = {
            "web": (["-m", "sayso.config.web", "--fd", str(fd)], [fd]),
            "worker": (["-m", "sayso.config.worker"], []),
            "sandbox": (["-m", "sayso.config.life", "sayso.sandbox", *self._sandbox_arguments], []),
        }[name]
        child = Child(name, arguments, self._events, inherit=inherit)
        self._children[name] = child
        return child

    def _watch(self) -> int:
        """Until somebody asks to stop (0) or the web process dies (1); others are started again."""
        while True:
            event = self._events.get()
            if isinstance(event, int):
                return 0
            if event is not self._children.get(event.name):
                continue
            if event.name == "web":
                self._say(f"[red]the web process ended[/] (status {event.status}); stopping")
                return 1
            self._restart(event)

    def _restart(self, child: Child) -> None:
        healthy = time.monotonic() - child.started_at > HEALTHY
        delay = RESTART_DELAY if healthy else self._delays.get(child.name, RESTART_DELAY)
        self._delays[child.name] = min(delay * 2, LONGEST_DELAY)
        self._say(f"the {child.name} process ended (status {child.status}); starting it again in {delay:.1f} s")

        def again() -> None:
            if not self._stopping:
                self._spawn(child.name).go()

        timer = threading.Timer(delay, again)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        if any(child.status is None for child in self._children.values()):
            self._say("stopping")
        stop_all(list(self._children.values()), STOP_PATIENCE)
        if self._server:
            self._server.stop()

    # Start

    def _start(self) -> None:
        with self._console().status("starting the database") as status:
            first = self._start_database()
            self._check()
            status.update("bringing the database up to date")
            self._bring_up_to_date()
            self._check()
            link = _owner_link()
            for child in list(self._children.values()):
                child.go()
            status.update("starting the web server")
            self._await_page()
        self._greet(link, first=first)
        if self._wants_sandbox and not _has_real_shop():
            self._start_sandbox()

    def _start_database(self) -> bool:
        """Start the embedded server, importing Django meanwhile; whether the cluster is new."""
        from .postgres import EmbeddedPostgres, PostgresError

        failure: list[BaseException] = []
        first = False
        thread = None
        if not environment.get("DATABASE_URL"):
            self._server = server = EmbeddedPostgres(environment.data_dir())
            first = not (server.cluster / "PG_VERSION").exists()

            def start() -> None:
                try:
                    server.start()
                except BaseException as error:
                    failure.append(error)

            thread = threading.Thread(target=start)
            thread.start()
        import django

        django.setup()
        if thread:
            thread.join()
        if failure:
            if isinstance(failure[0], (PostgresError, OSError)):
                raise CannotStart(str(failure[0]))
            raise failure[0]
        if self._server and self._server.base != environment.data_dir():
            self._say(f"the database is kept in {self._server.base}, where its account can reach it")
        return first

    def _bring_up_to_date(self) -> None:
        """Bootstrap and migrate where the code is not the one that last did (a digest says so)."""
        import psycopg
        from django.db import OperationalError, connections

        from . import database, stamp
        from .process import TooStrong, require_weak_default_role

        try:
            if self._server:
                database.bootstrap(self._server)
            connections["default"].ensure_connection()
            if not stamp.matches(connections["default"].connection):
                if "owner" not in connections:
                    raise CannotStart("the database is of another version: run ./sayso db migrate as its owner")
                database.migrate()
                connections["owner"].close()
            require_weak_default_role()
        except TooStrong as error:
            raise CannotStart(str(error)) from None
        except (psycopg.OperationalError, OperationalError) as error:
            raise CannotStart(f"the database cannot be used: {str(error).strip().splitlines()[0]}") from None

    def _await_page(self) -> None:
        """Return when the web process answers. The socket listens already, so the request just waits."""
        answered = threading.Event()

        def ask() -> None:
            try:
                with urllib.request.urlopen(f"{self._url}/healthz", timeout=SERVE_PATIENCE):  # noqa: S310 (ours)
                    answered.set()
            except OSError:
                pass  # reported below: the process died, or time is up

        threading.Thread(target=ask, daemon=True).start()
        web = self._children["web"]
        deadline = time.monotonic() + SERVE_PATIENCE
        while not answered.wait(0.02):
            self._check()
            if web.status is not None or time.monotonic() > deadline:
                raise CannotStart("the web process did not start; its message is above")

    def _greet(self, link: str, *, first: bool) -> None:
        took = time.monotonic() - self._began
        self._say(f"[bold green]sayso is up[/] at [bold]{self._url}[/] [dim]({took:.1f} s)[/]")
        self._say(f"sign in, once, within fifteen minutes: [link={self._url}{link}]{self._url}{link}[/link]")
        if first:
            self._say(f"[dim]data in {environment.data_dir()}; stop with Ctrl-C[/]")

    def _start_sandbox(self) -> None:
        """A store to try things out with, on loopback, kept in the data directory."""
        if importlib.util.find_spec("sayso.sandbox.__main__") is None:
            return
        data = environment.data_dir() / "sandbox"
        data.mkdir(exist_ok=True)
        ready = data / "ready.json"
        # Its address is stored in connections and in open pages, so it keeps its port where it can.
        port = json.loads(ready.read_text())["port"] if ready.exists() else 0
        ready.unlink(missing_ok=True)
        self._sandbox_arguments = [
            "--port", str(port if _is_free(port) else 0), "--data-dir", str(data), "--live", "--ready-file", str(ready),
        ]  # fmt: skip
        with self._console().status("starting the sandbox: a fake Shopify store and WhatsApp, on this machine only"):
            sandbox = self._spawn("sandbox")
            sandbox.go()
            deadline = time.monotonic() + SERVE_PATIENCE
            while not ready.exists():
                self._check()
                if sandbox.status is not None or time.monotonic() > deadline:
                    self._say("[red]the sandbox did not start[/]; everything else runs")
                    del self._children["sandbox"]
                    sandbox.stop(1)
                    return
                time.sleep(0.02)
            port = json.loads(ready.read_text())["port"]
            # From now on it comes back where it was.
            self._sandbox_arguments[1] = str(port)
            self._connect_sandbox(f"http://127.0.0.1:{port}")

    def _connect_sandbox(self, sandbox_url: str) -> None:
        """Make its store one of ours and follow the import; whatever goes wrong there, everything else runs."""
        module, _, name = CONNECT_SANDBOX.rpartition(".")
        try:
            shop = getattr(importlib.import_module(module), name)(sandbox_url, self._url)
        except Exception:
            log.exception("connecting the sandbox failed")
            self._say(f"[red]the sandbox at {sandbox_url} could not be connected[/]; everything else runs")
            return
        self._say(f"no store of your own is connected yet, so there is a sandbox to play with: {sandbox_url}")

        from .progress import follow_import

        threading.Thread(target=follow_import, args=(shop.pk, self._console(), self._ended), daemon=True).start()

    # Terminal

    @staticmethod
    def _console() -> Console:
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def _say(self, line: str) -> None:
        self._console().print(f"sayso: {line}", soft_wrap=True)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _owner_link() -> str:
    """The path of a one-time sign-in for the platform owner, who is made at the first start."""
    from sayso.shops.models import User
    from sayso.ui import signin_links

    owner = User.objects.filter(is_platform_owner=True, is_active=True).order_by("pk").first()
    owner = owner or User.objects.create_user(OWNER_EMAIL, None, name="Owner", is_platform_owner=True)
    return signin_links.issue(owner)


def _has_real_shop() -> bool:
    from sayso.shops.models import Shop

    return Shop.objects.filter(is_sandbox=False).exists()
