CREATE UNLOGGED TABLE IF NOT EXISTS staging.orders (
    run bigint NOT NULL,
    seq integer NOT NULL,
    contact_id bigint,
    shopify_order_id bigint NOT NULL,
    shopify_customer_id bigint,
    name text,
    number bigint,
    email text,
    phone text,
    status text,
    financial_status text,
    fulfillment_status text,
    total numeric(20, 2),
    currency text,
    test boolean,
    source_name text,
    tags text[],
    checkout_token text,
    status_url text,
    placed_at timestamptz,
    cancelled_at timestamptz,
    cancel_reason text,
    at timestamptz NOT NULL,
    sequence bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_run ON staging.orders (run, shopify_order_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.orders TO sayso_app;

CREATE UNLOGGED TABLE IF NOT EXISTS staging.order_line (
    run bigint NOT NULL,
    seq integer NOT NULL,
    position smallint NOT NULL,
    product_id bigint,
    variant_id bigint,
    title text,
    variant_title text,
    vendor text,
    sku text,
    quantity integer,
    price numeric(20, 2)
);
CREATE INDEX IF NOT EXISTS order_line_run ON staging.order_line (run, seq);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.order_line TO sayso_app;
