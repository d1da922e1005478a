"""Every address of the sandbox."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from . import guard
from .control import Control
from .meta.errors import Failure
from .pages.view import Pages
from .sandbox import Sandbox


class App:
    """The ASGI application: the hot send path by hand, all else by Starlette."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        control, pages = Control(sandbox), Pages(sandbox)
        self.inner = Starlette(
            routes=[
                Route("/shopify/{domain}/admin/oauth/authorize", sandbox.oauth.authorize),
                Route("/shopify/{domain}/admin/oauth/access_token", sandbox.oauth.access_token, methods=["POST"]),
                Route("/shopify/{domain}/admin/api/{version}/graphql.json", sandbox.graphql.answer, methods=["POST"]),
                Route("/shopify/{domain}/bulk/{id:int}.jsonl", self.download),
                Route("/meta/{version}/{waba}/message_templates", self.templates),
                *control.routes(),
                *pages.routes(),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Dispatch one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith("/meta/") and path.endswith("/messages") and scope["method"] == "POST":
            await self.sandbox.meta.messages(scope, receive, send)
            return
        host = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"host"), "")
        own = path.startswith("/control/") or not path.startswith(("/shopify/", "/meta/"))
        if not guard.host_is_loopback(host) or (
            own and scope["method"] not in {"GET", "HEAD"} and not guard.may_change(scope["headers"])
        ):
            await JSONResponse({"error": "only this machine may do that"}, 403)(scope, receive, send)
            return
        await self.inner(scope, receive, send)

    async def download(self, request: Request) -> Response:
        """The JSONL of a bulk operation, streamed; honours Range. A link that expired is refused as Cloud Storage does."""
        path = self.sandbox.world.bulk_folder / f"{request.path_params['id']}.jsonl"
        bulks = self.sandbox.acts.bulks
        if request.query_params.get("signature", "0") != str(bulks.links):
            return JSONResponse({"error": "ExpiredToken"}, 403)
        if not path.is_file():
            return JSONResponse({"error": "Not Found"}, 404)
        if bulks.expire_at is not None:
            return self.broken(path)
        return FileResponse(os.fspath(path), media_type="application/jsonl")

    def broken(self, path: Path) -> Response:
        """The file up to where it was told to break off: announced whole, and its link expired from then on."""
        bulks = self.sandbox.acts.bulks
        length, bulks.expire_at, bulks.links = bulks.expire_at or 0, None, bulks.links + 1
        with path.open("rb") as file:
            part = file.read(length)

        async def send() -> AsyncIterator[bytes]:
            yield part

        headers = {"content-length": str(max(path.stat().st_size, length + 1))}
        return StreamingResponse(send(), media_type="application/jsonl", headers=headers)

    async def templates(self, request: Request) -> Response:
        """The templates of a business account."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        limit = request.query_params.get("limit", "25")
        try:
            found = self.sandbox.meta.list_templates(
                request.path_params["waba"],
                token,
                int(limit) if limit.isdecimal() else 25,
                request.query_params.get("after"),
            )
        except Failure as failure:
            return JSONResponse(failure.body(), failure.status)
        return Response(msgspec.json.encode(found), media_type="application/json")
