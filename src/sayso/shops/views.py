"""Settings that belong to the shop itself: the team, API tokens, and the choice of the shop to work in."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from . import acts
from . import tokens as api_tokens
from .forms import RoleForm, TokenForm
from .models import ApiToken, Membership, Shop
from .pages import Request, page, sign_in_first
from .roles import PERMISSIONS, Role


@require_http_methods(["GET", "POST"])
@page("settings.view", change="api.edit")
def tokens(request: Request) -> HttpResponse:
    """List the tokens; POST makes one and shows it this once, so the answer is not a redirect."""
    form, plain = TokenForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        name, role = form.cleaned_data["name"], form.cleaned_data["role"]
        made, plain = api_tokens.create(name, role)
        acts.tell("staff.token_created", str(request.user.pk), token=made.pk, name=name, role=role)
        form = TokenForm()
    listed = ApiToken.objects.order_by("revoked_at", "-id")
    context = {"form": form, "plain": plain, "tokens": [(token, _preset(token)) for token in listed]}
    return render(request, "shops/tokens.html", context)


def _preset(token: ApiToken) -> str:
    """What the token may do, by the preset it was made from."""
    scopes = set(token.scopes)
    names = {Role.VIEWER: "Read only", Role.ADMIN: "Read and change", Role.OWNER: "Everything"}
    return next((names[Role(role)] for role, granted in PERMISSIONS.items() if granted == scopes), "Chosen scopes")


@require_POST
@page("api.edit")
def revoke_token(request: Request, token_id: int) -> HttpResponse:
    if api_tokens.revoke(token_id):
        acts.tell("staff.token_revoked", str(request.user.pk), token=token_id)
        messages.success(request, "The token is revoked. Whatever used it is refused from now on.")
    return redirect("tokens")


@require_GET
@page("settings.view")
def team(request: Request) -> HttpResponse:
    members = Membership.objects.filter(shop=request.shop).select_related("user").order_by("user__email")
    return render(request, "shops/team.html", {"members": members, "roles": Role.choices})


@require_POST
@page("team.edit")
def set_role(request: Request, membership_id: int) -> HttpResponse:
    """Give a member another role; the last owner stays one, and only an owner makes or unmakes owners."""
    member = get_object_or_404(Membership, pk=membership_id, shop=request.shop)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "There is no such role.")
        return redirect("team")
    role = form.cleaned_data["role"]
    others = Membership.objects.filter(shop=request.shop, role=Role.OWNER).exclude(pk=member.pk)
    if Role.OWNER in (role, member.role) and request.role != Role.OWNER:
        messages.error(request, "Only an owner can make somebody owner, or take that away.")
    elif member.role == Role.OWNER and role != Role.OWNER and not others.exists():
        messages.error(request, "A shop keeps at least one owner. Make somebody else owner first.")
    else:
        before, member.role = member.role, role
        member.save(update_fields=["role"])
        if before != role:
            acts.tell("staff.role_changed", str(request.user.pk), user=member.user_id, role=[before, role])
        messages.success(request, f"{member.user} is {member.get_role_display()} now.")
    return redirect("team")


@require_POST
def choose(request: Request) -> HttpResponse:
    """Work in another shop from now on."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    shops = Shop.objects.all()
    if not request.user.is_platform_owner:
        shops = shops.filter(memberships__user=request.user)
    wanted = request.POST.get("shop", "")
    shop = shops.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 19 else None
    if shop is None:
        messages.error(request, "You are not in the team of that shop.")
    else:
        request.session["shop_id"] = shop.pk
    return redirect("dashboard")
