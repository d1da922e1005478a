-- Pages of a segment's members until all are there. One line a customer and page; DISTINCT happens when they are applied.
CREATE UNLOGGED TABLE IF NOT EXISTS staging.group_member (
    run bigint NOT NULL,
    shopify_customer_id bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS group_member_run ON staging.group_member (run, shopify_customer_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.group_member TO sayso_app;

-- All tags of a shop, as they are held at one moment.
CREATE UNLOGGED TABLE IF NOT EXISTS staging.group_tag (
    run bigint NOT NULL,
    key text NOT NULL,
    spellings text[] NOT NULL,
    number bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS group_tag_run ON staging.group_tag (run, key);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.group_tag TO sayso_app;
