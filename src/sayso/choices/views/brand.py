"""``/brand/<colour>.css``: a shop's colour as a style sheet. The same for everybody, for ever."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from .. import brand

YEAR = 31_536_000


@require_safe
def style(request: HttpRequest, colour: str) -> HttpResponse:
    try:
        text = brand.sheet(colour)
    except ValueError:
        raise Http404("no colour") from None
    return HttpResponse(
        text, content_type="text/css; charset=utf-8", headers={"Cache-Control": f"public, max-age={YEAR}, immutable"}
    )
