"""People and tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, show, show_one, up_url

user = typer.Typer(no_args_is_help=True, help="People who sign in.")
token = typer.Typer(no_args_is_help=True, help="Tokens of the REST API.")


class RoleName(StrEnum):
    """As :class:`sayso.shops.roles.Role`, which would need Django before it could say --help."""

    owner = "owner"
    admin = "admin"
    viewer = "viewer"


def register(app: typer.Typer) -> None:
    app.add_typer(user, name="user")
    app.add_typer(token, name="token")


@user.command("add")
def add_user(
    email: Annotated[str, typer.Option(help="They sign in with it.")],
    name: Annotated[str, typer.Option()] = "",
    role: Annotated[RoleName, typer.Option(help="What they may do in the shop.")] = RoleName.viewer,
    shop: ShopOption = None,
    platform_owner: Annotated[bool, typer.Option("--platform-owner", help="Sees every shop, as owner.")] = False,
    as_json: Json = False,
) -> None:
    """Make an account, or give an existing one a role in a shop; prints a link that signs in once."""
    with database():
        from django.core.exceptions import ValidationError
        from django.core.validators import validate_email

        from sayso.shops import acts
        from sayso.shops.models import Membership, User
        from sayso.shops.tenancy import shop_context
        from sayso.ui.signin_links import issue

        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email} is not an e-mail address") from None
        chosen = None if platform_owner and not shop else choose_shop(shop)
        person = User.objects.filter(email=email.lower()).first() or User.objects.create_user(email, None, name=name)
        if platform_owner or (name and name != person.name):
            person.is_platform_owner = person.is_platform_owner or platform_owner
            person.name = name or person.name
            person.save(update_fields=["is_platform_owner", "name"])
        if chosen:
            held = Membership.objects.filter(user=person, shop=chosen).values_list("role", flat=True).first()
            Membership.objects.update_or_create(user=person, shop=chosen, defaults={"role": role.value})
            if held != role.value:
                with shop_context(chosen.pk):
                    acts.tell("staff.role_changed", "terminal", user=person.pk, role=[held, role.value])
        link = f"{up_url()}{issue(person)}"
        show_one(
            {"id": person.pk, "email": person.email, "shop": chosen and chosen.domain, "link": link},
            f"{person.email} signs in, once, within fifteen minutes: {link}",
            as_json=as_json,
        )


@user.command("list")
def list_users(as_json: Json = False) -> None:
    """Everybody who can sign in, with their roles."""
    with database():
        from sayso.shops.models import User

        rows = [
            {
                "id": person.pk,
                "email": person.email,
                "name": person.name,
                "platform_owner": person.is_platform_owner,
                "roles": ", ".join(
                    f"{one.shop.domain}: {one.role}" for one in person.memberships.select_related("shop")
                ),
            }
            for person in User.objects.order_by("pk")
        ]
        show(rows, as_json=as_json)


@token.command("create")
def create_token(
    name: Annotated[
        str, typer.Option(help="What will use it, so that you know later which one to revoke.")
    ] = "terminal",
    role: Annotated[RoleName, typer.Option(help="Preset of its scopes.")] = RoleName.viewer,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Make a token of the REST API. It is shown this once."""
    with database():
        from sayso.shops import acts, tokens
        from sayso.shops.tenancy import shop_context

        chosen = choose_shop(shop)
        with shop_context(chosen.pk):
            made, plain = tokens.create(name[:100], role.value)
            acts.tell("staff.token_created", "terminal", token=made.pk, name=made.name, role=role.value)
        show_one({"token": plain, "id": made.pk, "shop": chosen.domain, "scopes": made.scopes}, plain, as_json=as_json)


@token.command("list")
def list_tokens(shop: ShopOption = None, as_json: Json = False) -> None:
    """The tokens of a shop."""
    with database():
        from sayso.shops.models import ApiToken
        from sayso.shops.tenancy import shop_context

        with shop_context(choose_shop(shop).pk):
            columns = ("id", "name", "created_at", "last_used_at", "revoked_at")
            found = ApiToken.objects.order_by("pk").values_list(*columns)
            rows = [dict(zip(columns, row, strict=True)) for row in found]
        show(rows, as_json=as_json)


@token.command("revoke")
def revoke_token(
    token_id: Annotated[int, typer.Argument(help="As ./sayso token list shows it.")], shop: ShopOption = None
) -> None:
    """Make a token useless from now on."""
    with database():
        from sayso.shops import acts, tokens
        from sayso.shops.tenancy import shop_context

        with shop_context(choose_shop(shop).pk):
            if not tokens.revoke(token_id):
                raise CommandError(f"there is no live token {token_id} in this shop")
            acts.tell("staff.token_revoked", "terminal", token=token_id)
        print(f"token {token_id} is revoked")
