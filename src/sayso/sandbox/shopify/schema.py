"""The executable schema of each API version, and prepared documents."""

from collections.abc import Callable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    build_schema,
    is_interface_type,
    is_object_type,
    parse,
    validate,
)

from .fields import FIELDS, TYPE_OF
from .mutations import MUTATIONS, WRITES_CUSTOMERS
from .roots import BELOW, NEEDS, ROOTS, ArgumentResolver, need
from .scope import Resolver

VERSIONS = ("2026-07", "2026-10")
# 2026-07 reads SMS consent from the deprecated fields only
_NEW_IN_2026_10 = "  smsMarketingConsent: CustomerSmsMarketingConsent!\n"


def _plain(resolver: Resolver) -> Callable[..., Any]:
    return lambda record, info, **_: resolver(record, info.context)


def _with_arguments(resolver: ArgumentResolver) -> Callable[..., Any]:
    def resolve(record: Any, info: Any, **args: Any) -> Any:
        # only outer connections give points back: inner ones were not charged one by one
        saved = info.context.saved
        found = resolver(record, info.context, args)
        info.context.saved = saved
        return found

    return resolve


def _guarded(name: str, scope_name: str | None, resolver: ArgumentResolver) -> Callable[..., Any]:
    def resolve(record: Any, info: Any, **args: Any) -> Any:
        need(info.context, name, scope_name)
        return resolver(record, info.context, args)

    return resolve


@cache
def schema(version: str) -> GraphQLSchema:
    """The schema of `version`, one of VERSIONS, with our resolvers in it."""
    text = files(__package__).joinpath("schema.graphql").read_text()
    if version == "2026-07":
        text = text.replace(_NEW_IN_2026_10, "")
    made = build_schema(text)
    for name, kind in made.type_map.items():
        if is_interface_type(kind):
            kind.resolve_type = lambda record, *_: TYPE_OF[type(record)]
        if not is_object_type(kind):
            continue
        _attach(name, kind)
    return made


def _attach(name: str, kind: GraphQLObjectType) -> None:
    for field, definition in kind.fields.items():
        if name == "QueryRoot" and field in ROOTS:
            definition.resolve = _guarded(field, NEEDS.get(field), ROOTS[field])
        elif name == "Mutation" and field in MUTATIONS:
            definition.resolve = _guarded(
                field, "write_customers" if field in WRITES_CUSTOMERS else None, MUTATIONS[field]
            )
        elif (name, field) in BELOW:
            definition.resolve = _with_arguments(BELOW[name, field])
        elif field in FIELDS.get(name, {}):
            definition.resolve = _plain(FIELDS[name][field])


@lru_cache(maxsize=512)
def prepare(version: str, text: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    """The parsed and checked document, or None and what is wrong with it. Clients repeat few documents often."""
    try:
        document = parse(text, max_tokens=20_000)
    except GraphQLSyntaxError as error:
        return None, [error]
    errors = validate(schema(version), document)
    return (None, errors) if errors else (document, [])
