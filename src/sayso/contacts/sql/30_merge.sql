-- Two contacts become one (features §2.13): the survivor's values win, blanks are filled, tags and labels unite, excluded
-- stays excluded. The other one is hidden with its values as they were: they are what an undo gives back, so `undo` holds
-- the names of the fields that were filled and no value but tags and labels. What other rooms hold follows afterwards.
CREATE OR REPLACE FUNCTION contacts_merge(
    p_survivor bigint, p_merged bigint, p_cause text, p_actor_kind text, p_actor_id text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    s contact;
    m contact;
    filled text[] := '{}';
    place boolean;
    figures boolean;
    new_tags varchar[];
    new_labels varchar[];
    moved_names jsonb;
    made_names jsonb;
    moved_statuses jsonb;
    merge_id bigint;
BEGIN
    PERFORM 1 FROM contact c WHERE c.shop_id = shop AND c.id IN (p_survivor, p_merged) ORDER BY c.id FOR NO KEY UPDATE;
    SELECT * INTO s FROM contact c WHERE c.shop_id = shop AND c.id = p_survivor;
    SELECT * INTO m FROM contact c WHERE c.shop_id = shop AND c.id = p_merged;
    IF s.id IS NULL OR m.id IS NULL OR s.id = m.id THEN
        RAISE EXCEPTION 'there are no such two contacts' USING ERRCODE = 'check_violation', CONSTRAINT = 'NO_SUCH_CONTACT';
    ELSIF s.redacted_at IS NOT NULL OR m.redacted_at IS NOT NULL THEN
        RAISE EXCEPTION 'a redacted contact is merged with nobody' USING ERRCODE = 'check_violation', CONSTRAINT = 'REDACTED';
    ELSIF EXISTS (SELECT FROM contact_merge g WHERE g.shop_id = shop AND g.undone_at IS NULL
            AND g.merged_id IN (p_survivor, p_merged)) THEN
        RAISE EXCEPTION 'one of them is part of another contact already'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ALREADY_MERGED';
    ELSIF p_cause <> 'shopify' AND (s.deleted_at IS NOT NULL OR m.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a deleted contact is not merged' USING ERRCODE = 'check_violation', CONSTRAINT = 'DELETED';
    ELSIF p_cause <> 'shopify' AND m.shopify_customer_id IS NOT NULL THEN
        RAISE EXCEPTION 'a customer of the store is merged in the store'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'TWO_CUSTOMERS';
    END IF;

    -- Customers whom the store merged are as the store left them; only what it does not hold is filled.
    SELECT array_agg(field) INTO filled FROM (VALUES
        ('first_name', false, s.first_name IS NULL AND m.first_name IS NOT NULL),
        ('last_name', false, s.last_name IS NULL AND m.last_name IS NOT NULL),
        ('email', false, s.email IS NULL AND m.email IS NOT NULL),
        ('phone', false, s.phone IS NULL AND s.phone_raw IS NULL AND m.phone_raw IS NOT NULL),
        ('note', false, s.note IS NULL AND m.note IS NOT NULL),
        ('locale', false, s.locale IS NULL AND m.locale IS NOT NULL),
        ('country', false, s.country IS NULL AND m.country IS NOT NULL),
        -- Street of one and city of the other would be a place where nobody lives.
        ('place', false, coalesce(s.region, s.city, s.address, s.postcode) IS NULL
            AND coalesce(m.region, m.city, m.address, m.postcode) IS NOT NULL),
        ('language', true, s.language IS NULL AND m.language IS NOT NULL),
        ('time_zone', true, s.time_zone IS NULL AND m.time_zone IS NOT NULL),
        ('contact_key', true, s.contact_key IS NULL AND m.contact_key IS NOT NULL),
        ('external_customer_id', true, s.external_customer_id IS NULL AND m.external_customer_id IS NOT NULL)
    ) AS f (field, of_ours, taken) WHERE taken AND (of_ours OR p_cause <> 'shopify');
    filled := coalesce(filled, '{}');
    place := 'place' = ANY (filled);
    figures := s.shopify_customer_id IS NULL;  -- the store counts a customer's orders itself
    new_tags := ARRAY(SELECT t FROM unnest(m.tags) AS t WHERE p_cause <> 'shopify' AND lower(t) NOT IN (SELECT lower(h) FROM unnest(s.tags) AS h));
    new_labels := ARRAY(SELECT l FROM unnest(m.labels) AS l EXCEPT SELECT unnest(s.labels));

    UPDATE contact c SET external_customer_id = NULL
    WHERE c.shop_id = shop AND c.id = m.id AND 'external_customer_id' = ANY (filled);
    UPDATE contact c SET
        first_name = CASE WHEN 'first_name' = ANY (filled) THEN m.first_name ELSE c.first_name END, last_name = CASE WHEN 'last_name' = ANY (filled) THEN m.last_name ELSE c.last_name END,
        email = CASE WHEN 'email' = ANY (filled) THEN m.email ELSE c.email END,
        email_key = CASE WHEN 'email' = ANY (filled) THEN m.email_key ELSE c.email_key END,
        phone = CASE WHEN 'phone' = ANY (filled) THEN m.phone ELSE c.phone END,
        phone_raw = CASE WHEN 'phone' = ANY (filled) THEN m.phone_raw ELSE c.phone_raw END,
        phone_key = CASE WHEN 'phone' = ANY (filled) THEN m.phone_key ELSE c.phone_key END,
        calling_code = CASE WHEN 'phone' = ANY (filled) THEN m.calling_code ELSE c.calling_code END,
        note = CASE WHEN 'note' = ANY (filled) THEN m.note ELSE c.note END, locale = CASE WHEN 'locale' = ANY (filled) THEN m.locale ELSE c.locale END, language = CASE WHEN 'language' = ANY (filled) THEN m.language ELSE c.language END,
        time_zone = CASE WHEN 'time_zone' = ANY (filled) THEN m.time_zone ELSE c.time_zone END, country = CASE WHEN 'country' = ANY (filled) THEN m.country ELSE c.country END,
        region = CASE WHEN place THEN m.region ELSE c.region END, city = CASE WHEN place THEN m.city ELSE c.city END,
        address = CASE WHEN place THEN m.address ELSE c.address END,
        postcode = CASE WHEN place THEN m.postcode ELSE c.postcode END,
        contact_key = CASE WHEN 'contact_key' = ANY (filled) THEN m.contact_key ELSE c.contact_key END,
        external_customer_id = CASE WHEN 'external_customer_id' = ANY (filled) THEN m.external_customer_id ELSE c.external_customer_id END,
        tags = c.tags || new_tags, labels = c.labels || new_labels, excluded = c.excluded OR m.excluded,
        orders_count = c.orders_count + CASE WHEN figures THEN m.orders_count ELSE 0 END,
        total_spent = c.total_spent + CASE WHEN figures THEN m.total_spent ELSE 0 END,
        last_order_at = CASE WHEN figures THEN greatest(c.last_order_at, m.last_order_at) ELSE c.last_order_at END,
        last_message_received_at = greatest(c.last_message_received_at, m.last_message_received_at),
        last_engaged_at = greatest(c.last_engaged_at, m.last_engaged_at),
        updated_at = now()
    WHERE c.shop_id = shop AND c.id = s.id;
    UPDATE contact c SET search = search_text(c.first_name, c.last_name, c.email, c.phone, c.phone_raw)
    WHERE c.shop_id = shop AND c.id = s.id;
    UPDATE contact c SET deleted_at = coalesce(c.deleted_at, now()), updated_at = now() WHERE c.shop_id = shop AND c.id = m.id;

    -- Whatever finds the one finds the other from now on. A name of a kind that the survivor has already is a former one.
    WITH held AS (
        SELECT i.id, i.former FROM identity i WHERE i.shop_id = shop AND i.contact_id = m.id AND NOT EXISTS (
            SELECT FROM identity o WHERE o.shop_id = shop AND o.contact_id = s.id AND o.kind = i.kind AND o.value = i.value)
    ), moved AS (
        UPDATE identity i SET contact_id = s.id, former = i.former OR EXISTS (SELECT FROM identity o
            WHERE o.shop_id = shop AND o.contact_id = s.id AND o.kind = i.kind AND NOT o.former)
        FROM held WHERE i.shop_id = shop AND i.id = held.id RETURNING i.id
    )
    SELECT coalesce(jsonb_agg(jsonb_build_array(held.id, held.former)), '[]') INTO moved_names FROM held JOIN moved USING (id);
    WITH made AS (
        INSERT INTO identity (shop_id, contact_id, kind, value, former)
        SELECT shop, s.id, kind, value, true
        FROM (VALUES ('phone', m.phone, s.phone), ('email', m.email, s.email)) AS a (kind, value, own)
        WHERE value IS NOT NULL AND own IS NOT NULL AND value <> own
        ON CONFLICT DO NOTHING RETURNING id
    )
    SELECT coalesce(jsonb_agg(id), '[]') INTO made_names FROM made;
    -- Why an address does not work is true of the address.
    WITH moved AS (
        UPDATE address_status a SET contact_id = s.id FROM contact c
        WHERE a.shop_id = shop AND a.contact_id = m.id AND c.shop_id = shop AND c.id = s.id
            AND a.address_key = CASE a.channel WHEN 'email' THEN c.email_key ELSE c.phone_key END
            AND NOT EXISTS (SELECT FROM address_status o WHERE o.shop_id = shop AND o.contact_id = s.id AND o.channel = a.channel)
        RETURNING a.id
    )
    SELECT coalesce(jsonb_agg(id), '[]') INTO moved_statuses FROM moved;

    INSERT INTO contact_merge (shop_id, survivor_id, merged_id, cause, actor_kind, actor_id, undo)
    VALUES (shop, s.id, m.id, p_cause, p_actor_kind, p_actor_id, jsonb_build_object(
        'filled', filled, 'tags', new_tags, 'labels', new_labels, 'excluded', m.excluded AND NOT s.excluded,
        'figures', figures, 'names', moved_names, 'names_made', made_names, 'statuses', moved_statuses))
    RETURNING id INTO merge_id;
    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, actor_id, origin, data)
    SELECT shop, 'contact.merged', x.id, now(), p_actor_kind, p_actor_id, p_cause, x.data
    FROM (VALUES (s.id, jsonb_build_object('merged', m.id::text)), (m.id, jsonb_build_object('into', s.id::text))) AS x (id, data);
    RETURN merge_id;
END $$;
REVOKE ALL ON FUNCTION contacts_merge FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contacts_merge TO sayso_app;

-- Part them again, within 30 days. What changed since the merge stays: only what is still the other one's is given back.
CREATE OR REPLACE FUNCTION contacts_part(p_merge bigint, p_actor_kind text, p_actor_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shop bigint := current_shop();
    g contact_merge;
    m contact;
    filled text[];
    external text;
BEGIN
    SELECT * INTO g FROM contact_merge x WHERE x.shop_id = shop AND x.id = p_merge FOR UPDATE;
    IF g.id IS NULL OR g.undone_at IS NOT NULL OR g.undo = '{}' THEN
        RAISE EXCEPTION 'there is nothing to undo' USING ERRCODE = 'check_violation', CONSTRAINT = 'NOTHING_TO_UNDO';
    ELSIF g.cause = 'shopify' THEN
        RAISE EXCEPTION 'the store merged them' USING ERRCODE = 'check_violation', CONSTRAINT = 'MERGED_BY_SHOPIFY';
    ELSIF g.merged_at < now() - interval '30 days' THEN
        RAISE EXCEPTION 'the merge is too old' USING ERRCODE = 'check_violation', CONSTRAINT = 'TOO_OLD';
    ELSIF EXISTS (SELECT FROM contact_merge x WHERE x.shop_id = shop AND x.merged_id = g.survivor_id AND x.undone_at IS NULL)
    THEN
        RAISE EXCEPTION 'the survivor is part of another contact' USING ERRCODE = 'check_violation', CONSTRAINT = 'ALREADY_MERGED';
    END IF;
    PERFORM 1 FROM contact c WHERE c.shop_id = shop AND c.id IN (g.survivor_id, g.merged_id) ORDER BY c.id FOR NO KEY UPDATE;
    SELECT * INTO m FROM contact c WHERE c.shop_id = shop AND c.id = g.merged_id;
    IF m.redacted_at IS NOT NULL OR EXISTS (
        SELECT FROM contact c WHERE c.shop_id = shop AND c.id = g.survivor_id AND c.redacted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a redacted contact stays as it is' USING ERRCODE = 'check_violation', CONSTRAINT = 'REDACTED';
    END IF;
    filled := ARRAY(SELECT jsonb_array_elements_text(g.undo -> 'filled'));
    IF 'external_customer_id' = ANY (filled) THEN
        SELECT c.external_customer_id INTO external FROM contact c WHERE c.shop_id = shop AND c.id = g.survivor_id;
    END IF;

    UPDATE contact c SET
        first_name = CASE WHEN 'first_name' = ANY (filled) THEN nullif(c.first_name, m.first_name) ELSE c.first_name END,
        last_name = CASE WHEN 'last_name' = ANY (filled) THEN nullif(c.last_name, m.last_name) ELSE c.last_name END,
        email = CASE WHEN theirs_email THEN NULL ELSE c.email END,
        email_key = CASE WHEN theirs_email THEN NULL ELSE c.email_key END,
        phone = CASE WHEN theirs_phone THEN NULL ELSE c.phone END,
        phone_raw = CASE WHEN theirs_phone THEN NULL ELSE c.phone_raw END,
        phone_key = CASE WHEN theirs_phone THEN NULL ELSE c.phone_key END,
        calling_code = CASE WHEN theirs_phone THEN NULL ELSE c.calling_code END,
        note = CASE WHEN 'note' = ANY (filled) THEN nullif(c.note, m.note) ELSE c.note END,
        locale = CASE WHEN 'locale' = ANY (filled) THEN nullif(c.locale, m.locale) ELSE c.locale END,
        language = CASE WHEN 'language' = ANY (filled) THEN nullif(c.language, m.language) ELSE c.language END,
        time_zone = CASE WHEN 'time_zone' = ANY (filled) THEN nullif(c.time_zone, m.time_zone) ELSE c.time_zone END,
        country = CASE WHEN 'country' = ANY (filled) THEN nullif(c.country, m.country) ELSE c.country END,
        contact_key = CASE WHEN 'contact_key' = ANY (filled) THEN nullif(c.contact_key, m.contact_key) ELSE c.contact_key END,
        region = CASE WHEN theirs_place THEN NULL ELSE c.region END, city = CASE WHEN theirs_place THEN NULL ELSE c.city END,
        address = CASE WHEN theirs_place THEN NULL ELSE c.address END,
        postcode = CASE WHEN theirs_place THEN NULL ELSE c.postcode END,
        external_customer_id = CASE WHEN 'external_customer_id' = ANY (filled) THEN NULL ELSE c.external_customer_id END,
        tags = ARRAY(SELECT t FROM unnest(c.tags) AS t WHERE NOT (g.undo -> 'tags') ? t),
        labels = ARRAY(SELECT l FROM unnest(c.labels) AS l WHERE NOT (g.undo -> 'labels') ? l),
        excluded = c.excluded AND NOT (g.undo ->> 'excluded')::boolean,
        orders_count = greatest(0, c.orders_count - CASE WHEN (g.undo ->> 'figures')::boolean THEN m.orders_count ELSE 0 END),
        total_spent = greatest(0, c.total_spent - CASE WHEN (g.undo ->> 'figures')::boolean THEN m.total_spent ELSE 0 END),
        updated_at = now()
    FROM (SELECT 'email' = ANY (filled) AND o.email_key IS NOT DISTINCT FROM m.email_key AS theirs_email,
            'phone' = ANY (filled) AND o.phone_raw IS NOT DISTINCT FROM m.phone_raw AS theirs_phone,
            'place' = ANY (filled) AND (o.region, o.city, o.address, o.postcode)
                IS NOT DISTINCT FROM (m.region, m.city, m.address, m.postcode) AS theirs_place
        FROM contact o WHERE o.shop_id = shop AND o.id = g.survivor_id) AS still
    WHERE c.shop_id = shop AND c.id = g.survivor_id;
    UPDATE contact c SET search = search_text(c.first_name, c.last_name, c.email, c.phone, c.phone_raw)
    WHERE c.shop_id = shop AND c.id = g.survivor_id;
    UPDATE contact c SET deleted_at = NULL, updated_at = now(), external_customer_id = coalesce(external, c.external_customer_id)
    WHERE c.shop_id = shop AND c.id = m.id;

    UPDATE identity i SET contact_id = m.id, former = (n ->> 1)::boolean FROM jsonb_array_elements(g.undo -> 'names') AS n
    WHERE i.shop_id = shop AND i.id = (n ->> 0)::bigint;
    DELETE FROM identity i WHERE i.shop_id = shop AND i.contact_id = g.survivor_id AND (g.undo -> 'names_made') @> to_jsonb(i.id);
    UPDATE address_status a SET contact_id = m.id WHERE a.shop_id = shop AND a.contact_id = g.survivor_id
        AND (g.undo -> 'statuses') @> to_jsonb(a.id);

    UPDATE contact_merge x SET undone_at = now(), undone_by = p_actor_id WHERE x.shop_id = shop AND x.id = g.id;
    INSERT INTO event (shop_id, kind, contact_id, occurred_at, actor_kind, actor_id, origin, data)
    SELECT shop, 'contact.parted', x.id, now(), p_actor_kind, p_actor_id, 'staff', x.data
    FROM (VALUES (g.survivor_id, jsonb_build_object('from', m.id::text)),
        (m.id, jsonb_build_object('from', g.survivor_id::text))) AS x (id, data);
END $$;
REVOKE ALL ON FUNCTION contacts_part FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contacts_part TO sayso_app;

-- Of those among p_ids that became part of another contact: who it is in the end.
-- Since when: the last merge on the way.
CREATE OR REPLACE FUNCTION contact_survivors(p_ids bigint[])
RETURNS TABLE (merged bigint, survivor bigint, since timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE way AS (
        SELECT g.merged_id AS merged, g.survivor_id AS survivor, g.merged_at AS since FROM contact_merge g
        WHERE g.shop_id = current_shop() AND g.merged_id = ANY (p_ids) AND g.undone_at IS NULL
        UNION
        SELECT w.merged, g.survivor_id, greatest(w.since, g.merged_at) FROM way w JOIN contact_merge g
            ON g.shop_id = current_shop() AND g.merged_id = w.survivor AND g.undone_at IS NULL
    )
    SELECT w.merged, w.survivor, w.since FROM way w WHERE NOT EXISTS (
        SELECT FROM contact_merge g WHERE g.shop_id = current_shop() AND g.merged_id = w.survivor AND g.undone_at IS NULL)
$$;
REVOKE ALL ON FUNCTION contact_survivors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_survivors TO sayso_app;

-- p_ids, and everybody who became part of one of them.
CREATE OR REPLACE FUNCTION contact_with_merged(p_ids bigint[]) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE own AS (
        SELECT unnest(p_ids) AS id
        UNION
        SELECT g.merged_id FROM own JOIN contact_merge g
            ON g.shop_id = current_shop() AND g.survivor_id = own.id AND g.undone_at IS NULL
    )
    SELECT id FROM own
$$;
REVOKE ALL ON FUNCTION contact_with_merged FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_with_merged TO sayso_app;

-- A person who is erased, or a contact that is purged, is not parted from anybody again.
CREATE OR REPLACE FUNCTION contact_merges_forget(p_contacts bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    UPDATE contact_merge g SET undo = '{}', moved = '{}'
    WHERE g.shop_id = current_shop() AND (g.survivor_id = ANY (p_contacts) OR g.merged_id = ANY (p_contacts)) AND g.undo <> '{}';
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;
REVOKE ALL ON FUNCTION contact_merges_forget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_merges_forget TO sayso_app;
