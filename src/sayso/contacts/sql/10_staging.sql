-- Where a batch waits to be applied: unlogged, without policy (COPY into a table with policies is refused), keyed by run.
CREATE UNLOGGED TABLE IF NOT EXISTS staging.contact (
    run bigint NOT NULL,
    seq integer NOT NULL,
    contact_id bigint,
    shopify_customer_id bigint,
    external_customer_id text,
    -- how to find a contact that no id names: 'unlinked' (no Shopify id yet), 'any' (phone, then e-mail),
    -- 'any_email' (e-mail, then phone), 'none'
    matching text NOT NULL,
    source text NOT NULL,
    at timestamptz,
    sequence bigint NOT NULL,
    fields integer NOT NULL,  -- bit i: the i-th of the profile's fields is said
    first_name text,
    last_name text,
    email text,
    email_key bytea,
    phone text,
    phone_raw text,
    phone_key bytea,
    calling_code smallint,
    note text,
    locale text,
    country text,
    region text,
    city text,
    address text,
    postcode text,
    tags text[],
    tag_changes jsonb,
    orders_count bigint,
    total_spent numeric(20, 2),
    last_order_at timestamptz,
    excluded boolean,
    shopify_state text,
    shopify_created_at timestamptz,
    deleted boolean NOT NULL,
    wa_id text,
    bsuid text,
    message_received_at timestamptz
);
CREATE INDEX IF NOT EXISTS contact_run ON staging.contact (run, seq);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.contact TO sayso_app;

CREATE UNLOGGED TABLE IF NOT EXISTS staging.applied (
    run bigint NOT NULL,
    seq integer NOT NULL,
    contact_id bigint NOT NULL,
    created boolean NOT NULL,
    updated boolean NOT NULL DEFAULT false,
    moved boolean NOT NULL DEFAULT false  -- phone or e-mail is another one now
);
CREATE INDEX IF NOT EXISTS applied_run ON staging.applied (run, seq);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.applied TO sayso_app;

CREATE SEQUENCE IF NOT EXISTS staging.run;
GRANT USAGE ON SEQUENCE staging.run TO sayso_app;
