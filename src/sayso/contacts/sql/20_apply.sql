-- Merge one set of tags with changes that are newer than it. A change is {"tag": {"at": epoch µs, "on": bool}}.
CREATE OR REPLACE FUNCTION tags_with(base text[], changes jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN changes IS NULL THEN base ELSE (
        SELECT coalesce(array_agg(tag ORDER BY lower(tag)), '{}') FROM (
            SELECT tag FROM unnest(base) AS tag
            WHERE lower(tag) NOT IN (SELECT lower(key) FROM jsonb_each(changes))
            UNION ALL
            SELECT key FROM jsonb_each(changes) WHERE (value ->> 'on')::boolean
        ) AS merged
    ) END
$$;

-- The newest change of each tag; what is not newer than the whole set at `since` is already in it. Ties: removal wins.
CREATE OR REPLACE FUNCTION tag_changes_since(held jsonb, arriving jsonb, since bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN held IS NULL AND arriving IS NULL THEN NULL ELSE (
        SELECT jsonb_object_agg(key, value) FROM (
            SELECT DISTINCT ON (lower(key)) key, value
            FROM (SELECT * FROM jsonb_each(held) UNION ALL SELECT * FROM jsonb_each(arriving)) AS change
            WHERE (value ->> 'at')::bigint > since
            ORDER BY lower(key), (value ->> 'at')::bigint DESC, (value ->> 'on')::boolean, key
        ) AS newest
    ) END
$$;

CREATE OR REPLACE FUNCTION epoch_us(moment timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN moment IS NULL OR NOT isfinite(moment) THEN -1 ELSE (extract(epoch FROM moment) * 1000000)::bigint END
$$;

CREATE OR REPLACE FUNCTION search_text(VARIADIC parts text[]) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT lower(array_to_string(parts, ' '))
$$;

-- The door's last step: bring the staged changes of a run into `contact`. Every statement takes the whole batch.
-- A batch names each contact at most once; the caller sees to that. It runs with the owner's rights, because the
-- application has none to write here, and is bound to the transaction's shop in every statement.
-- Planning is held to look-ups through the right index: a batch is small and the table large, whatever the statistics
-- say. They lie in a new shop, whose rows they have not seen: with `shop` as a known value every index that begins with
-- shop_id looks equally good (22 s instead of 60 ms for 5,000 contacts), so it is hidden in a sub-select.
-- Autovacuum analyses the staging tables at moments when a run is not in them; a join within the run then looks like one
-- row against one, and compares all with all (900 instead of 45 µs a contact): hence LATERAL … LIMIT 1.
CREATE OR REPLACE FUNCTION contacts_apply(p_run bigint, p_bulk boolean, p_actor_kind text, p_actor_id text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shop bigint := current_shop();
    contact_ids regclass := pg_get_serial_sequence('public.contact', 'id');  -- once: looking it up takes 4 µs
BEGIN
    -- 1. Who is meant? Look-ups one by one through the indexes: as joins they become whole-table hash joins per chunk
    --    (29,500 contacts/s fell to 19,800 at a million contacts).
    INSERT INTO staging.applied (run, seq, contact_id, created)
    SELECT p_run, seq, coalesce(known, nextval(contact_ids)), known IS NULL
    FROM (
        SELECT seq, CASE WHEN known IS NOT NULL AND shopify_customer_id IS NOT NULL AND row_number()
            OVER (PARTITION BY known ORDER BY seq) > 1 THEN NULL ELSE known END AS known
        FROM (
            SELECT s.seq, s.shopify_customer_id, coalesce(s.contact_id, by_shopify.id, by_external.id, by_identity.id,
                CASE WHEN s.matching = 'any_email' THEN by_email.id END, by_phone.id, by_email.id) AS known
            FROM staging.contact s
            LEFT JOIN LATERAL (
                SELECT id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.shopify_customer_id = s.shopify_customer_id LIMIT 1
            ) by_shopify ON s.shopify_customer_id IS NOT NULL
            LEFT JOIN LATERAL (
                SELECT id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.external_customer_id = s.external_customer_id LIMIT 1
            ) by_external ON s.external_customer_id IS NOT NULL
            LEFT JOIN LATERAL (
                SELECT i.contact_id AS id FROM identity i WHERE i.shop_id = (SELECT shop) AND (
                    (i.kind = 'bsuid' AND i.value = s.bsuid) OR (i.kind = 'wa_id' AND i.value = s.wa_id))
                ORDER BY i.former, i.kind, i.contact_id LIMIT 1
            ) by_identity ON s.bsuid IS NOT NULL OR s.wa_id IS NOT NULL
            LEFT JOIN LATERAL (
                SELECT id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.phone_key = s.phone_key
                AND c.redacted_at IS NULL AND c.deleted_at IS NULL
                AND (s.matching <> 'unlinked' OR c.shopify_customer_id IS NULL)
                ORDER BY c.id + 0 LIMIT 1  -- not through the primary key
            ) by_phone ON s.matching <> 'none' AND s.phone_key IS NOT NULL AND by_shopify.id IS NULL
            LEFT JOIN LATERAL (
                SELECT id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.email_key = s.email_key
                AND c.redacted_at IS NULL AND c.deleted_at IS NULL
                AND (s.matching <> 'unlinked' OR c.shopify_customer_id IS NULL)
                ORDER BY c.id + 0 LIMIT 1  -- not through the primary key
            ) by_email ON s.matching <> 'none' AND s.email_key IS NOT NULL AND by_shopify.id IS NULL
            WHERE s.run = p_run
        ) AS looked_up
    ) AS resolved;

    -- Two customers may find the same contact without a Shopify id at once. The second waits here for the first, sees
    -- that the contact is taken, and has its batch repeated.
    IF (
        WITH adopting AS MATERIALIZED (
            SELECT c.id FROM staging.contact s JOIN LATERAL (
                SELECT * FROM staging.applied a WHERE a.run = s.run AND a.seq = s.seq LIMIT 1) a ON true
            JOIN LATERAL (
                SELECT id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = a.contact_id
                AND c.shopify_customer_id IS NULL
            ) c ON true
            WHERE s.run = p_run AND NOT a.created AND s.shopify_customer_id IS NOT NULL
        ), held AS MATERIALIZED (
            SELECT c.id FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = ANY (ARRAY(SELECT id FROM adopting))
            AND c.shopify_customer_id IS NULL ORDER BY c.id FOR NO KEY UPDATE
        )
        SELECT (SELECT count(*) FROM adopting) <> (SELECT count(*) FROM held)
    ) THEN
        RAISE EXCEPTION 'another customer became this contact meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;

    -- 2. Known contacts: each group of facts is taken where it is not older than what is held; rows that would not
    --    change are not written.
    WITH arriving AS MATERIALIZED (
        SELECT a.contact_id AS id, s.* FROM staging.contact s JOIN LATERAL (
                SELECT * FROM staging.applied a WHERE a.run = s.run AND a.seq = s.seq LIMIT 1) a ON true
        -- A whole picture that is held already, of the same moment: an unchanged import ends here.
        LEFT JOIN LATERAL (
            SELECT true AS same FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = a.contact_id
            AND c.shopify_customer_id = s.shopify_customer_id
            AND c.profile_at = s.at AND c.profile_sequence >= s.sequence AND c.tags_at = s.at AND c.figures_at = s.at
            LIMIT 1
        ) held ON s.tags IS NOT NULL AND s.orders_count IS NOT NULL AND s.tag_changes IS NULL AND s.excluded IS NULL
            AND NOT s.deleted
        WHERE s.run = p_run AND NOT a.created AND held.same IS NULL
    ), merged AS MATERIALIZED (
        SELECT c.id, c.phone_key AS old_phone_key, c.email_key AS old_email_key, c.phone AS old_phone, c.email AS old_email,
            c.tags AS old_tags, c.deleted_at AS old_deleted_at,
            s.source,
            coalesce(c.shopify_customer_id, s.shopify_customer_id) AS shopify_customer_id,
            coalesce(c.external_customer_id, s.external_customer_id) AS external_customer_id,
            CASE WHEN newer AND s.fields & 1 <> 0 THEN s.first_name ELSE c.first_name END AS first_name,
            CASE WHEN newer AND s.fields & 2 <> 0 THEN s.last_name ELSE c.last_name END AS last_name,
            CASE WHEN newer AND s.fields & 4 <> 0 THEN s.email ELSE c.email END AS email,
            CASE WHEN newer AND s.fields & 4 <> 0 THEN s.email_key ELSE c.email_key END AS email_key,
            CASE WHEN newer AND s.fields & 8 <> 0 THEN s.phone ELSE c.phone END AS phone,
            CASE WHEN newer AND s.fields & 8 <> 0 THEN s.phone_raw ELSE c.phone_raw END AS phone_raw,
            CASE WHEN newer AND s.fields & 8 <> 0 THEN s.phone_key ELSE c.phone_key END AS phone_key,
            CASE WHEN newer AND s.fields & 8 <> 0 THEN s.calling_code ELSE c.calling_code END AS calling_code,
            CASE WHEN newer AND s.fields & 16 <> 0 THEN s.note ELSE c.note END AS note,
            CASE WHEN newer AND s.fields & 32 <> 0 THEN s.locale ELSE c.locale END AS locale,
            CASE WHEN newer AND s.fields & 64 <> 0 THEN s.country ELSE c.country END AS country,
            CASE WHEN newer AND s.fields & 128 <> 0 THEN s.region ELSE c.region END AS region,
            CASE WHEN newer AND s.fields & 256 <> 0 THEN s.city ELSE c.city END AS city,
            CASE WHEN newer AND s.fields & 512 <> 0 THEN s.address ELSE c.address END AS address,
            CASE WHEN newer AND s.fields & 1024 <> 0 THEN s.postcode ELSE c.postcode END AS postcode,
            CASE WHEN newer AND s.fields <> 0 THEN coalesce(s.at, c.profile_at) ELSE c.profile_at END AS profile_at,
            CASE WHEN newer AND s.fields <> 0 THEN s.sequence ELSE c.profile_sequence END AS profile_sequence,
            CASE WHEN tags_newer OR s.tag_changes IS NOT NULL
                THEN tags_with(CASE WHEN tags_newer THEN s.tags ELSE c.tags END, changes) ELSE c.tags END AS tags,
            changes AS tag_changes,
            CASE WHEN tags_newer THEN s.at ELSE c.tags_at END AS tags_at,
            CASE WHEN figures_newer THEN s.orders_count ELSE c.orders_count END AS orders_count,
            CASE WHEN figures_newer THEN s.total_spent ELSE c.total_spent END AS total_spent,
            CASE WHEN figures_newer THEN s.last_order_at ELSE c.last_order_at END AS last_order_at,
            CASE WHEN figures_newer THEN s.at ELSE c.figures_at END AS figures_at,
            coalesce(s.excluded, c.excluded) AS excluded,
            CASE WHEN newer THEN coalesce(s.shopify_state, c.shopify_state) ELSE c.shopify_state END AS shopify_state,
            coalesce(s.shopify_created_at, c.shopify_created_at) AS shopify_created_at,
            CASE WHEN s.source = 'shopify' THEN greatest(c.shopify_updated_at, s.at) ELSE c.shopify_updated_at END
                AS shopify_updated_at,
            CASE WHEN s.deleted THEN coalesce(c.deleted_at, now()) ELSE c.deleted_at END AS deleted_at,
            greatest(c.last_message_received_at, s.message_received_at) AS last_message_received_at,
            greatest(c.last_engaged_at, s.message_received_at) AS last_engaged_at,
            s.seq, s.at
        FROM arriving s
        JOIN LATERAL (SELECT * FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = s.id FOR NO KEY UPDATE) c
            ON c.redacted_at IS NULL
        CROSS JOIN LATERAL (
            SELECT
                (c.profile_at IS NULL OR s.at IS NULL OR (s.at, s.sequence) >= (c.profile_at, c.profile_sequence)
                ) AS newer,
                s.tags IS NOT NULL AND (c.tags_at IS NULL OR s.at IS NULL OR s.at >= c.tags_at) AS tags_newer,
                s.orders_count IS NOT NULL AND (c.figures_at IS NULL OR s.at IS NULL OR s.at >= c.figures_at)
                    AS figures_newer
        ) AS facts
        CROSS JOIN LATERAL (
            SELECT CASE WHEN c.tag_changes IS NULL AND s.tag_changes IS NULL THEN NULL
                ELSE tag_changes_since(c.tag_changes, s.tag_changes,
                    epoch_us(CASE WHEN tags_newer THEN s.at ELSE c.tags_at END)) END AS changes
        ) AS changing
    ), written AS (
        UPDATE contact c SET
            shopify_customer_id = m.shopify_customer_id, external_customer_id = m.external_customer_id,
            first_name = m.first_name, last_name = m.last_name, email = m.email, email_key = m.email_key,
            phone = m.phone, phone_raw = m.phone_raw, phone_key = m.phone_key, calling_code = m.calling_code,
            note = m.note, locale = m.locale, country = m.country, region = m.region, city = m.city,
            address = m.address, postcode = m.postcode, profile_at = m.profile_at,
            profile_sequence = m.profile_sequence, tags = m.tags,
            tag_changes = m.tag_changes, tags_at = m.tags_at, orders_count = m.orders_count,
            total_spent = m.total_spent, last_order_at = m.last_order_at, figures_at = m.figures_at,
            excluded = m.excluded, shopify_state = m.shopify_state, shopify_created_at = m.shopify_created_at,
            shopify_updated_at = m.shopify_updated_at, deleted_at = m.deleted_at,
            last_message_received_at = m.last_message_received_at, last_engaged_at = m.last_engaged_at,
            labels = CASE WHEN m.source = 'shopify' AND NOT 'Shopify' = ANY (c.labels)
                THEN array_remove(c.labels, 'Shopify - Guests') || 'Shopify'::varchar ELSE c.labels END,
            synced_at = CASE WHEN m.source = 'shopify' THEN now() ELSE c.synced_at END,
            updated_at = now(),
            search = search_text(m.first_name, m.last_name, m.email, m.phone, m.phone_raw)
        FROM merged m
        WHERE c.shop_id = (SELECT shop) AND c.id = m.id AND (
            c.shopify_customer_id, c.external_customer_id, c.first_name, c.last_name, c.email, c.phone, c.phone_raw,
            c.calling_code, c.note, c.locale, c.country, c.region, c.city, c.address, c.postcode, c.profile_at,
            c.profile_sequence, c.tags,
            c.tag_changes, c.tags_at, c.orders_count, c.total_spent, c.last_order_at, c.figures_at, c.excluded,
            c.shopify_state, c.shopify_created_at, c.shopify_updated_at, c.deleted_at, c.last_message_received_at,
            c.phone_key, c.email_key
        ) IS DISTINCT FROM (
            m.shopify_customer_id, m.external_customer_id, m.first_name, m.last_name, m.email, m.phone, m.phone_raw,
            m.calling_code, m.note, m.locale, m.country, m.region, m.city, m.address, m.postcode, m.profile_at,
            m.profile_sequence, m.tags,
            m.tag_changes, m.tags_at, m.orders_count, m.total_spent, m.last_order_at, m.figures_at, m.excluded,
            m.shopify_state, m.shopify_created_at, m.shopify_updated_at, m.deleted_at, m.last_message_received_at,
            m.phone_key, m.email_key
        )
        RETURNING c.id, m.seq, m.at, m.source, m.old_phone_key IS DISTINCT FROM m.phone_key AS phone_moved,
            m.old_email_key IS DISTINCT FROM m.email_key AS email_moved, m.old_phone, m.old_email,
            m.old_tags, m.tags, m.old_deleted_at IS NULL AND m.deleted_at IS NOT NULL AS just_deleted
    ), former AS (
        INSERT INTO identity (shop_id, contact_id, kind, value, former)
        SELECT shop, id, 'phone', old_phone, true FROM written WHERE phone_moved AND old_phone IS NOT NULL
        UNION ALL
        SELECT shop, id, 'email', old_email, true FROM written WHERE email_moved AND old_email IS NOT NULL
        ON CONFLICT DO NOTHING
    ), told AS (
        INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, actor_id, origin, bulk, data)
        SELECT shop, kind, id, coalesce(at, now()), p_actor_kind, p_actor_id, source, p_bulk, data
        FROM (
            SELECT w.id, w.at, w.source, CASE WHEN w.just_deleted THEN 'contact.deleted' ELSE 'contact.updated' END AS kind, '{}'::jsonb AS data
            FROM written w
            UNION ALL
            SELECT w.id, w.at, w.source, 'contact.tags_added', jsonb_build_object('tags', gained)
            FROM written w CROSS JOIN LATERAL (
                SELECT array(SELECT unnest(w.tags) EXCEPT SELECT unnest(w.old_tags)) AS gained) g
            WHERE w.tags IS DISTINCT FROM w.old_tags AND cardinality(gained) > 0
            UNION ALL
            SELECT w.id, w.at, w.source, 'contact.tags_removed', jsonb_build_object('tags', lost)
            FROM written w CROSS JOIN LATERAL (
                SELECT array(SELECT unnest(w.old_tags) EXCEPT SELECT unnest(w.tags)) AS lost) l
            WHERE w.tags IS DISTINCT FROM w.old_tags AND cardinality(lost) > 0
        ) AS change
    )
    UPDATE staging.applied a SET updated = true, moved = w.phone_moved OR w.email_moved
    FROM written w CROSS JOIN LATERAL (
        SELECT x.ctid AS row FROM staging.applied x WHERE x.run = p_run AND x.seq = w.seq LIMIT 1) x
    WHERE a.ctid = x.row;

    -- 3. New contacts.
    WITH fresh AS (
        SELECT a.contact_id AS id, s.* FROM staging.contact s JOIN LATERAL (
                SELECT * FROM staging.applied a WHERE a.run = s.run AND a.seq = s.seq LIMIT 1) a ON true
        WHERE s.run = p_run AND a.created
    ), made AS (
        INSERT INTO contact (
            shop_id, id, shopify_customer_id, external_customer_id, first_name, last_name, email, email_key, phone,
            phone_raw, phone_key, calling_code, note, tags, tag_changes, labels, locale, country, region, city,
            address, postcode, excluded, orders_count, total_spent, last_order_at, source, shopify_state,
            shopify_created_at, shopify_updated_at, profile_at, profile_sequence, tags_at, figures_at, synced_at,
            deleted_at, last_message_received_at, last_engaged_at, search)
        SELECT shop, id, shopify_customer_id, external_customer_id, first_name, last_name, email, email_key, phone,
            phone_raw, phone_key, calling_code, note,
            CASE WHEN tag_changes IS NULL THEN coalesce(tags, '{}') ELSE tags_with(coalesce(tags, '{}'), tag_changes) END,
            tag_changes,
            CASE source WHEN 'shopify' THEN '{Shopify}'::varchar[] WHEN 'guest_checkout' THEN '{Shopify - Guests}' ELSE '{}' END,
            locale, country, region, city, address, postcode, coalesce(excluded, false), coalesce(orders_count, 0),
            coalesce(total_spent, 0), last_order_at, source, shopify_state, shopify_created_at,
            CASE WHEN source = 'shopify' THEN at END, CASE WHEN fields <> 0 THEN at END, sequence,
            CASE WHEN tags IS NOT NULL THEN at END, CASE WHEN orders_count IS NOT NULL THEN at END,
            CASE WHEN source IN ('shopify', 'guest_checkout') THEN now() END, CASE WHEN deleted THEN now() END,
            message_received_at, message_received_at,
            search_text(first_name, last_name, email, phone, phone_raw)
        FROM fresh
    )
    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, actor_id, origin, bulk)
    SELECT shop, 'contact.created', id, coalesce(at, now()), p_actor_kind, p_actor_id, source, p_bulk FROM fresh;

    INSERT INTO identity (shop_id, contact_id, kind, value)
    SELECT shop, a.contact_id, i.kind, i.value
    FROM staging.contact s JOIN LATERAL (
                SELECT * FROM staging.applied a WHERE a.run = s.run AND a.seq = s.seq LIMIT 1) a ON true
    CROSS JOIN LATERAL (VALUES ('wa_id', s.wa_id), ('bsuid', s.bsuid)) AS i (kind, value)
    -- What is left of somebody who was erased gets no name again.
    LEFT JOIN LATERAL (SELECT c.redacted_at FROM contact c WHERE c.shop_id = (SELECT shop) AND c.id = a.contact_id LIMIT 1) shell
        ON true
    WHERE s.run = p_run AND (s.wa_id IS NOT NULL OR s.bsuid IS NOT NULL) AND i.value IS NOT NULL
        AND shell.redacted_at IS NULL
    ON CONFLICT DO NOTHING;

    -- Whoever is named by our own id and given a WhatsApp id goes by it from now on: their other ids of the kind are
    -- former ones, and so is this one of anybody else who had it.
    UPDATE identity i SET former = (i.contact_id, i.value) <> (n.contact_id, n.value)
    FROM (
        SELECT s.contact_id, v.kind, v.value FROM staging.contact s
        CROSS JOIN LATERAL (VALUES ('wa_id', s.wa_id), ('bsuid', s.bsuid)) AS v (kind, value)
        WHERE s.run = p_run AND s.contact_id IS NOT NULL AND v.value IS NOT NULL
    ) AS n
    WHERE i.shop_id = (SELECT shop) AND i.kind = n.kind AND (i.contact_id = n.contact_id OR i.value = n.value)
        AND i.former <> ((i.contact_id, i.value) <> (n.contact_id, n.value));
END $$;
REVOKE ALL ON FUNCTION contacts_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contacts_apply TO sayso_app;

-- What an import asks for after its first chunks: the planner knows nothing of rows that autovacuum has not seen yet.
CREATE OR REPLACE FUNCTION refresh_statistics() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE contact (shop_id, id, shopify_customer_id, external_customer_id, phone_key, email_key);
    ANALYZE consent_state (shop_id, contact_id, whatsapp_state, sms_state, email_state);
    ANALYZE suppression (shop_id, address_key, kind);
END $$;
REVOKE ALL ON FUNCTION refresh_statistics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_statistics TO sayso_app;
