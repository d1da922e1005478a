CREATE UNLOGGED TABLE IF NOT EXISTS staging.product (
    run bigint NOT NULL,
    shopify_product_id bigint NOT NULL,
    at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    deleted boolean NOT NULL,
    has_facts boolean NOT NULL,
    title text,
    handle text,
    status text,
    vendor text,
    product_type text,
    tags text[],
    description_html text,
    image_url text,
    has_details boolean NOT NULL,
    online_store_url text,
    is_gift_card boolean,
    variant_ids bigint[],
    collection_ids bigint[],
    read_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS product_run ON staging.product (run, shopify_product_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.product TO sayso_app;

CREATE UNLOGGED TABLE IF NOT EXISTS staging.variant (
    run bigint NOT NULL,
    shopify_variant_id bigint NOT NULL,
    shopify_product_id bigint NOT NULL,
    at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    deleted boolean NOT NULL,
    title text,
    price numeric(20, 3),
    compare_at_price numeric(20, 3),
    sku text,
    position integer,
    inventory_policy text,
    inventory_quantity integer,
    inventory_item_id bigint,
    selected_options jsonb,
    tracked boolean,
    in_stock boolean NOT NULL
);
CREATE INDEX IF NOT EXISTS variant_run ON staging.variant (run, shopify_variant_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.variant TO sayso_app;

CREATE UNLOGGED TABLE IF NOT EXISTS staging.collection (
    run bigint NOT NULL,
    shopify_collection_id bigint NOT NULL,
    at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    deleted boolean NOT NULL,
    title text,
    handle text,
    member_ids bigint[],
    read_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS collection_run ON staging.collection (run, shopify_collection_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.collection TO sayso_app;
