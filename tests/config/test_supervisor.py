"""``sayso up`` for real: its own PostgreSQL, its own processes, in a directory with a space."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings

from sayso.config.postgres import APP, OWNER, EmbeddedPostgres
from sayso.shops.fields import EncryptedField

PROGRAM = "import sys; from sayso.config.supervisor import up; sys.exit(up(sandbox={sandbox}))"
BODY = b'{"id": 1}'
SECRET = "secret"
PATIENCE = 60


class Up:
    """One run in a data directory."""

    def __init__(self, data: Path, *, sandbox: bool = False, **environment: str) -> None:
        self.data = data
        self.log = data.parent / f"{time.monotonic_ns()}.log"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("SAYSO_", "DATABASE_", "DJANGO_"))
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM.format(sandbox=sandbox)],
                env=inherited | {"SAYSO_DATA": str(data), "SAYSO_SECRET_KEY": settings.SECRET_KEY} | environment,
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def until(self, true: Callable[[], object]) -> object:
        """Look again and again until it is true; fails with the output if the program ends or time is up."""
        deadline = time.monotonic() + PATIENCE
        while not (result := true()):
            assert time.monotonic() < deadline, self.output
            assert self.process.poll() is None, self.output
        return result

    @property
    def url(self) -> str:
        self.until(lambda: "is up at" in self.output)
        return json.loads((self.data / ".up.lock").read_text())["url"]

    def child(self, module: str) -> int | None:
        """The process id of a child by the module it runs."""
        found = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return next((int(line.split()[0]) for line in found.stdout.splitlines() if module in line), None)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="sayso-up-"))
    base.chmod(0o711)  # as root the database runs as another account
    yield base / "a data directory"
    EmbeddedPostgres(base / "a data directory").stop()
    shutil.rmtree(base)


@pytest.fixture
def running(data: Path) -> Iterator[Up]:
    up = Up(data)
    try:
        up.until(lambda: "is up at" in up.output)
        yield up
    finally:
        up.stop()


def deliver(url: str, key: str) -> httpx.Response:
    signature = base64.b64encode(hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()).decode()
    headers = {
        "X-Shopify-Topic": "no/such", "X-Shopify-Shop-Domain": "a.myshopify.com", "X-Shopify-Webhook-Id": key,
        "X-Shopify-Hmac-Sha256": signature,
    }  # fmt: skip
    return httpx.post(f"{url}/webhooks/shopify", content=BODY, headers=headers, timeout=10)


def connect(data: Path, role: str = APP) -> psycopg.Connection:
    return psycopg.connect(**EmbeddedPostgres(data).parameters(role), autocommit=True)


def test_a_life(running: Up, data: Path):
    """First start, delivery and drain, a database that goes away and comes back, a worker that dies, the end."""
    url = running.url
    assert httpx.get(f"{url}/readyz").json() == {"status": "ready", "problems": []}
    assert f"{url}/" in running.output.split("sign in")[1]

    with connect(data) as connection:
        connection.execute(
            "insert into shop (domain, name, status, is_sandbox, currency, time_zone, country, language, settings,"
            " address_secret, created_at)"
            " values ('a.myshopify.com', 'A', 'ACTIVE', true, 'EUR', 'UTC', 'DE', 'en', '{}', '', now())"
        )
        stored = EncryptedField().get_prep_value(SECRET)
        connection.execute(
            "insert into provider_app (provider, client_id, secret, previous_secret, verify_token)"
            " values ('shopify', 'a', %s, '', '')",
            [stored],
        )
        running.until(lambda: deliver(url, "first").status_code == 200)
        running.until(
            lambda: connection.execute("select 1 from delivery where key = 'first' and state = 'IGNORED'").fetchone()
        )

    EmbeddedPostgres(data).stop()
    away = deliver(url, "second")
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/readyz").status_code == 503
    EmbeddedPostgres(data).start()
    running.until(lambda: deliver(url, "second").status_code == 200)
    with connect(data) as connection:
        running.until(
            lambda: connection.execute("select 1 from delivery where key = 'second' and state = 'IGNORED'").fetchone()
        )

    worker = running.child("sayso.config.worker")
    assert worker
    os.kill(worker, signal.SIGKILL)
    running.until(lambda: running.child("sayso.config.worker") not in (None, worker))

    assert running.stop() == 0
    assert not EmbeddedPostgres(data).running()


def test_a_second_one_on_the_same_data_says_so(running: Up, data: Path):
    other = Up(data)
    assert other.process.wait(PATIENCE) == 1
    assert f"already running with the data in {data}, at {running.url} (process {running.process.pid})" in other.output


def test_the_end_of_the_web_process_is_the_end(running: Up, data: Path):
    os.kill(running.child("sayso.config.web"), signal.SIGKILL)
    assert running.process.wait(PATIENCE) == 1
    assert not EmbeddedPostgres(data).running()


def test_ctrl_c_ends_it_in_order(running: Up, data: Path):
    assert running.stop(signal.SIGINT) == 0
    assert not EmbeddedPostgres(data).running()
    assert "Traceback" not in running.output


def test_children_end_with_a_supervisor_that_was_killed(running: Up):
    children = [running.child("sayso.config.web"), running.child("sayso.config.worker")]
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{child}").exists() and "Z" not in _state(child) for child in children):
        assert time.monotonic() < deadline


def _state(pid: int | None) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return "Z"


def test_functions_are_installed_again_when_the_code_changed(data: Path):
    up = Up(data)
    assert up.url
    with connect(data, OWNER) as connection:
        connection.execute("comment on schema staging is 'sayso of yesterday'; drop function message_counts()")
    assert up.stop() == 0
    again = Up(data)
    try:
        assert again.url
        with connect(data) as connection:
            assert connection.execute("select * from message_counts()").fetchall() == []
    finally:
        again.stop()


def test_the_next_free_port_is_taken_but_a_chosen_one_is_insisted_on(data: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(data, SAYSO_PORT=str(port))
        assert up.process.wait(PATIENCE) == 1
        assert f"cannot listen on 127.0.0.1 port {port}" in up.output


def test_without_a_real_shop_there_is_a_sandbox_that_keeps_its_address():
    base = Path(tempfile.mkdtemp(prefix="sayso-up-"))
    base.chmod(0o711)
    data = base / "data"
    addresses = []
    try:
        for _ in range(2):
            up = Up(data, sandbox=True)
            try:
                up.until(lambda up=up: "a sandbox to play with" in up.output)
                addresses.append(up.output.split("a sandbox to play with: ")[1].split()[0])
                assert httpx.get(f"{addresses[-1]}/control/health").json()["ok"]
            finally:
                assert up.stop() == 0
            with pytest.raises(httpx.ConnectError):
                httpx.get(addresses[-1])
        assert addresses[0] == addresses[1]
    finally:
        EmbeddedPostgres(data).stop()
        shutil.rmtree(base)
