"""One sandbox process for most tests, and a receiver for what it delivers."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sayso.sandbox.testing import Sandbox


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    with Sandbox(customers=120, orders=200) as box:
        yield box


@pytest.fixture
def box(shared_box: Sandbox) -> Sandbox:
    """The shared sandbox without deliveries, sends, subscriptions or changed settings; people stay."""
    shared_box.settle()
    shared_box.post("reset")
    shared_box.post("bulk", hold=False, fail=None)
    shared_box.post("meta/numbers", id="106540352242922", rate=0)
    shared_box.settings(moods={"unreachable": 0, "capped": 0, "read": 1, "user_ids": 0})
    return shared_box


@dataclass
class Receiver:
    """What arrived at a webhook target; `statuses` are the answers it gives, the last one for ever."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int, timeout: float = 10.0) -> list[tuple[dict[str, str], bytes]]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, timeout), f"{len(self.got)} of {count} arrived"
            return list(self.got)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    seen = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with seen.arrived:
                status = seen.statuses.pop(0) if len(seen.statuses) > 1 else seen.statuses[0]
                seen.got.append((dict(self.headers), body))
                seen.arrived.notify_all()
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            challenge = self.path.partition("hub.challenge=")[2].partition("&")[0].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(challenge)))
            self.end_headers()
            self.wfile.write(challenge)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def person(box: Sandbox) -> dict:
    """A new customer with phone and e-mail and no consent."""
    number = box.get("health")["customers"]
    return box.action(
        "create_customer",
        first="Zoë",
        last="Ünal",
        email=f"zoe{number}@example.com",
        country="DE",
        phone=f"+4915200{number:06d}",
    )
