"""The real application behind a real uvicorn on a free port, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from django.db import connection
from pytest_django import DjangoDbBlocker

from sayso.intake.models import Delivery
from sayso.shops.models import ProviderApp, Shop


@contextmanager
def serving(application: object) -> Iterator[str]:
    """Serve until the block ends; yields the base address. Raises RuntimeError if the application refuses to start."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(application, lifespan="on", log_level="critical", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        refused: list[int] = []

        def run() -> None:
            try:
                server.run(sockets=[listener])
            except SystemExit as error:
                refused.append(error.code)
                listener.close()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            httpx.get(f"{url}/healthz", timeout=10)
        except httpx.HTTPError:
            thread.join(10)
            raise RuntimeError("the application refused to start") from None
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def committed_shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Shop]:
    """A shop for tests that commit, because other threads or processes must see what they wrote."""
    with django_db_blocker.unblock():
        yield Shop.objects.create(domain="committed.myshopify.com", name="Committed", address_secret="secret")
        Delivery.objects.all().delete()
        ProviderApp.objects.all().delete()
        Shop.objects.all().delete()
        connection.close()


SHOPIFY_SECRET, OLD_SHOPIFY_SECRET, META_SECRET = "shopify-secret", "old-shopify-secret", "meta-secret"


@pytest.fixture
def server(committed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the running application; one app a provider is registered."""
    from sayso.config import asgi

    ProviderApp.objects.create(
        provider="shopify", client_id="a", secret=SHOPIFY_SECRET, previous_secret=OLD_SHOPIFY_SECRET
    )
    ProviderApp.objects.create(provider="whatsapp", client_id="b", secret=META_SECRET, verify_token="token")
    monkeypatch.setattr(asgi, "tune_garbage_collector", lambda: None)
    with serving(asgi.Application()) as url:
        yield url
