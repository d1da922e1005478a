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
    total numeric(20, 3),
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
    price numeric(20, 3)
);
CREATE INDEX IF NOT EXISTS order_line_run ON staging.order_line (run, seq);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.order_line TO sayso_app;

-- Tables from before amounts had three decimals (as Kuwait's dinar has).
DO $$ BEGIN
    IF EXISTS (SELECT FROM information_schema.columns WHERE table_schema = 'staging' AND table_name = 'orders'
        AND column_name = 'total' AND numeric_scale = 2)
    THEN
        ALTER TABLE staging.orders ALTER COLUMN total TYPE numeric(20, 3);
        ALTER TABLE staging.order_line ALTER COLUMN price TYPE numeric(20, 3);
    END IF;
END $$;

CREATE UNLOGGED TABLE IF NOT EXISTS staging.fulfillment (
    run bigint NOT NULL,
    seq integer NOT NULL,
    shopify_fulfillment_id bigint NOT NULL,
    status text NOT NULL,
    shipment_status text,
    tracking_company text,
    tracking_numbers text[],
    tracking_urls text[],
    shipped_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS fulfillment_run ON staging.fulfillment (run, seq);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.fulfillment TO sayso_app;
