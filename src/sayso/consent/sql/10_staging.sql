-- One row a contact and round, with a slot for each channel: one row for each event cost twice the time (12,000 against
-- 23,000 contacts/s). Rounds order several events of one contact.
CREATE UNLOGGED TABLE IF NOT EXISTS staging.consent (
    run bigint NOT NULL,
    contact_id bigint NOT NULL,
    round smallint NOT NULL,
    source text,
    actor_kind text,
    wording_version text,
    language text,
    caused_by bigint,
    topic text,  -- of TOPIC_ON and TOPIC_OFF
    merged bigint  -- of MERGE: the contact that became part of this one
    /*each*/,
    <c>_event text,
    <c>_at timestamptz,
    <c>_shop_value text,
    <c>_key bytea,  -- keyed hash of the address the event speaks of; null: whatever the contact has
    <c>_basis text,
    <c>_evidence text
    /*end*/
);
ALTER TABLE staging.consent ADD COLUMN IF NOT EXISTS topic text, ADD COLUMN IF NOT EXISTS merged bigint;
CREATE INDEX IF NOT EXISTS consent_run ON staging.consent (run, round);
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.consent TO sayso_app;
