"""Fields with arguments: the roots of queries, and connections below a record."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLError

from .. import clock
from ..generate.catalogue import LOCATION
from ..identifiers import parse_gid
from . import paging, search, segment_rules, store
from .scope import Scope

Arguments = dict[str, Any]
ArgumentResolver = Callable[[Any, Scope, Arguments], Any]

_CUSTOMER_SORT = {"UPDATED_AT": "updated", "CREATED_AT": "created", "NAME": "name"}
_ORDER_SORT = {"UPDATED_AT": "updated", "CREATED_AT": "created", "PROCESSED_AT": "created"}
_GOODS_SORT = {"UPDATED_AT": "updated", "CREATED_AT": "created", "TITLE": "name"}
MEMBERS_PAGE = 1000
_STATISTICS = {
    "orders_count": "coalesce(json_extract(CAST(doc AS TEXT), '$.orders'), 0)",
    "amount_spent": "coalesce(json_extract(CAST(doc AS TEXT), '$.spent'), 0) / 100.0",
}
NEEDS = {
    "customers": "read_customers",
    "customer": "read_customers",
    "customersCount": "read_customers",
    "segments": "read_customers",
    "customerSegmentMembers": "read_customers",
    "orders": "read_orders",
    "ordersCount": "read_orders",
    "productsCount": "read_products",
    "collectionsCount": "read_products",
    "order": "read_orders",
    "abandonedCheckouts": "read_orders",
    "products": "read_products",
    "productVariants": "read_products",
    "product": "read_products",
    "productVariant": "read_products",
    "collections": "read_products",
    "collection": "read_products",
}


def need(scope: Scope, field: str, wanted: str | None) -> None:
    """Raise ACCESS_DENIED unless the app has the scope `wanted`."""
    if wanted and wanted not in scope.shop.scopes:
        raise GraphQLError(
            f"Access denied for {field} field. Required access: `{wanted}` access scope.",
            extensions={
                "code": "ACCESS_DENIED",
                "documentation": "https://shopify.dev/api/usage/access-scopes",
                "requiredAccess": f"`{wanted}` access scope.",
            },
        )


def find(scope: Scope, text: str) -> Any:
    """The object with this GraphQL id, or None. Raises GraphQLError for what is no id."""
    parsed = parse_gid(text)
    if parsed is None:
        raise GraphQLError(f"Invalid global id '{text}'", extensions={"code": "argumentLiteralsIncompatible"})
    kind, key = parsed
    if kind == "BulkOperation":
        return next((one for one in store.bulks(scope, scope.shop) if one.id == key), None)
    if kind == "WebhookSubscription":
        return next((one for one in store.subscriptions(scope, scope.shop) if one.id == key), None)
    return _FIND[kind](scope, scope.shop, key) if kind in _FIND else None


_FIND: dict[str, Callable[[Any, Any, int], Any]] = {
    "AbandonedCheckout": store.find_checkout,
    "Collection": store.find_collection,
    "Customer": store.find_customer,
    "Order": store.find_order,
    "Product": store.find_product,
    "ProductVariant": store.find_variant,
    "Segment": store.find_segment,
}


def _by_id(kind: str) -> ArgumentResolver:
    def resolve(_: Any, scope: Scope, args: Arguments) -> Any:
        parsed = parse_gid(args["id"])
        return find(scope, args["id"]) if parsed is None or parsed[0] == kind else None

    return resolve


def _customers(_: Any, scope: Scope, args: Arguments) -> Any:
    where, values = search.where(args.get("query"), search.CUSTOMER, scope.warnings, "customers")
    return paging.table(
        scope,
        "customer",
        _CUSTOMER_SORT.get(args["sortKey"], "id"),
        where,
        values,
        args=args,
        decode=store.CUSTOMERS.decode,
    )


def _orders(_: Any, scope: Scope, args: Arguments) -> Any:
    where, values = search.where(args.get("query"), search.ORDER, scope.warnings, "orders")
    return paging.table(
        scope, "purchase", _ORDER_SORT.get(args["sortKey"], "id"), where, values, args=args, decode=store.ORDERS.decode
    )


def _products(_: Any, scope: Scope, args: Arguments) -> Any:
    where, values = search.where(args.get("query"), search.PRODUCT, scope.warnings, "products")
    sort = _GOODS_SORT.get(args["sortKey"], "id")
    return paging.table(scope, "product", sort, where, values, args=args, decode=store.PRODUCTS.decode)


def _collections(_: Any, scope: Scope, args: Arguments) -> Any:
    where, values = search.where(args.get("query"), search.COLLECTION, scope.warnings, "collections")
    sort = _GOODS_SORT.get(args["sortKey"], "id")
    return paging.table(scope, "collection", sort, where, values, args=args, decode=store.COLLECTIONS.decode)


def _variants(_: Any, scope: Scope, args: Arguments) -> Any:
    rows = scope.all("SELECT doc FROM product WHERE shop = ? ORDER BY id", scope.shop.id)
    found = [variant for (doc,) in rows for variant in store.PRODUCTS.decode(doc).variants]
    return paging.listed(scope, sorted(found, key=lambda one: one.id), args)


def _members(collection: Any, scope: Scope, args: Arguments) -> Any:
    found = (store.find_product(scope, scope.shop, key) for key in collection.products)
    return paging.listed(scope, [product for product in found if product], args)


def _orders_of(customer: Any, scope: Scope, args: Arguments) -> Any:
    return paging.table(
        scope,
        "purchase",
        _ORDER_SORT.get(args["sortKey"], "id"),
        "customer = ?",
        [customer.id],
        args=args,
        decode=store.ORDERS.decode,
    )


def _count(field: str, table: str, terms: search.Terms) -> ArgumentResolver:
    def resolve(_: Any, scope: Scope, args: Arguments) -> Any:
        where, values = search.where(args.get("query"), terms, scope.warnings, field)
        (count,) = scope.one(f"SELECT count(*) FROM {table} WHERE shop = ? AND {where}", scope.shop.id, *values)  # noqa: S608
        limit = args.get("limit")  # the default is the schema's; null means none
        if limit is None or count <= limit:
            return {"count": count, "precision": "EXACT"}
        return {"count": limit, "precision": "AT_LEAST"}

    return resolve


def _nodes(_: Any, scope: Scope, args: Arguments) -> Any:
    if len(args["ids"]) > 250:
        raise GraphQLError("The input array size of 250 was exceeded", extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})
    return [find(scope, text) for text in args["ids"]]


def _subscriptions(_: Any, scope: Scope, args: Arguments) -> Any:
    wanted = set(args.get("topics") or ())
    uri = args.get("uri") or args.get("callbackUrl")
    found = [
        one
        for one in store.subscriptions(scope, scope.shop)
        if (not wanted or one.topic.replace("/", "_").replace(".", "_").upper() in wanted) and uri in (None, one.uri)
    ]
    return paging.listed(scope, found, args)


def _bulks(_: Any, scope: Scope, args: Arguments) -> Any:
    found = store.bulks(scope, scope.shop)
    for term in (args.get("query") or "").split():
        field, _, value = term.partition(":")
        if field == "status":
            found = [one for one in found if one.status == value.upper()]
    return paging.listed(scope, found, args)


def _segment_members(_: Any, scope: Scope, args: Arguments) -> Any:
    """By segment or by query; a member has the number of the customer. Raises GraphQLError."""
    where, values = _means(scope, args)
    page = paging.table(
        scope,
        "customer",
        "id",
        where,
        values,
        args=args,
        decode=store.CUSTOMERS.decode,
        largest=MEMBERS_PAGE,
    )
    (total,) = scope.one(f"SELECT count(*) FROM customer WHERE shop = ? AND {where}", scope.shop.id, *values)  # noqa: S608

    def statistics(_: Any, attributeName: str) -> dict[str, float]:
        column = _STATISTICS.get(attributeName)
        if column is None:
            raise GraphQLError(f"'{attributeName}' cannot be summed up", extensions={"code": "INVALID"})
        found = scope.one(
            f"SELECT avg({column}), sum({column}) FROM customer WHERE shop = ? AND {where}",  # noqa: S608
            scope.shop.id,
            *values,
        )
        return {"average": found[0] or 0, "sum": found[1] or 0}

    return page | {"totalCount": total, "statistics": {"attributeStatistics": statistics}}


def _means(scope: Scope, args: Arguments) -> tuple[str, list[Any]]:
    if args.get("segmentId"):
        parsed = parse_gid(args["segmentId"])
        one = store.find_segment(scope, scope.shop, parsed[1]) if parsed and parsed[0] == "Segment" else None
        if one is None:
            raise GraphQLError("Segment does not exist", extensions={"code": "NOT_FOUND"})
        return store.segment_where(one)
    if args.get("queryId"):
        raise GraphQLError("Query does not exist", extensions={"code": "NOT_FOUND"})
    try:
        return segment_rules.where(args.get("query") or "")
    except segment_rules.BadQuery as error:
        raise GraphQLError(str(error), extensions={"code": "INVALID"}) from error


def _abandoned(_: Any, scope: Scope, args: Arguments) -> Any:
    where, values = search.where(args.get("query"), search.CHECKOUT, scope.warnings, "abandonedCheckouts")
    # Without a way to reach the buyer it is not among them, nor where it was bought at once.
    where += (
        " AND (json_extract(CAST(doc AS TEXT), '$.email') IS NOT NULL OR json_extract(CAST(doc AS TEXT), '$.phone') IS NOT NULL)"
        " AND (json_extract(CAST(doc AS TEXT), '$.completed') IS NULL"
        " OR julianday(json_extract(CAST(doc AS TEXT), '$.completed')) - julianday(created) >= 10 / 1440.0)"
    )
    sort = "created" if args["sortKey"] == "CREATED_AT" else "id"
    return paging.table(scope, "checkout", sort, where, values, args=args, decode=store.CHECKOUTS.decode)


ROOTS: dict[str, ArgumentResolver] = {
    "shop": lambda _, scope, __: scope.shop,
    "customers": _customers,
    "customer": _by_id("Customer"),
    "customersCount": _count("customersCount", "customer", search.CUSTOMER),
    "ordersCount": _count("ordersCount", "purchase", search.ORDER),
    "productsCount": _count("productsCount", "product", search.PRODUCT),
    "collectionsCount": _count("collectionsCount", "collection", search.COLLECTION),
    "nodes": _nodes,
    "node": lambda _, scope, args: find(scope, args["id"]),
    "orders": _orders,
    "order": _by_id("Order"),
    "products": _products,
    "product": _by_id("Product"),
    "productVariants": _variants,
    "productVariant": _by_id("ProductVariant"),
    "collections": _collections,
    "collection": _by_id("Collection"),
    "webhookSubscriptions": _subscriptions,
    "webhookSubscription": _by_id("WebhookSubscription"),
    "bulkOperation": _by_id("BulkOperation"),
    "bulkOperations": _bulks,
    "currentBulkOperation": lambda _, scope, __: next(iter(store.bulks(scope, scope.shop)), None),
    "currentAppInstallation": lambda _, scope, __: {
        "id": f"gid://shopify/AppInstallation/{scope.shop.id}",
        "accessScopes": [{"handle": handle, "description": handle.replace("_", " ")} for handle in scope.shop.scopes],
    },
    "locations": lambda _, scope, args: paging.listed(
        scope,
        [
            {
                "id": f"gid://shopify/Location/{LOCATION}",
                "legacyResourceId": str(LOCATION),
                "name": "Sandbox warehouse",
                "isActive": True,
                "createdAt": scope.shop.created,
                "updatedAt": scope.shop.created,
            }
        ],
        args,
        lambda one: one["id"],
    ),
    "abandonedCheckouts": _abandoned,
    "segments": lambda _, scope, args: paging.listed(scope, store.segments(scope, scope.shop), args),
    "customerSegmentMembers": _segment_members,
}

BELOW: dict[tuple[str, str], ArgumentResolver] = {
    ("Customer", "orders"): _orders_of,
    ("Customer", "addressesV2"): lambda one, scope, args: paging.listed(
        scope, [one.address] if one.address else [], args
    ),
    ("AbandonedCheckout", "lineItems"): lambda one, scope, args: paging.listed(scope, one.lines, args),
    ("Order", "lineItems"): lambda one, scope, args: paging.listed(scope, one.lines, args),
    ("Order", "fulfillments"): lambda one, _, args: one.fulfilments[: args.get("first")],
    ("Order", "statusPageUrl"): lambda one, scope, _: (
        f"https://{scope.shop.domain}/{scope.shop.id}/orders/{one.token}/authenticate"
    ),
    ("Fulfillment", "trackingInfo"): lambda one, _, __: [{"company": one.company, "number": one.number, "url": None}],
    ("Product", "variants"): lambda one, scope, args: paging.listed(scope, one.variants, args),
    ("Product", "collections"): lambda one, scope, args: paging.listed(
        scope, store.collections_of(scope, scope.shop, one.id), args
    ),
    ("Collection", "products"): _members,
    ("MailingAddress", "formatted"): lambda one, _, __: [one.address1, f"{one.zip} {one.city}", one.country],
}


def in_future(text: str | None) -> bool:
    """Whether a time given by a client has not come yet."""
    return text is not None and clock.iso(clock.parse(text)) > clock.now()
