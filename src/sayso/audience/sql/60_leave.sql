-- Whoever is deleted is in no segment of Shopify's any more, whoever is erased in no group at all, and a guest who became a
-- customer is no guest. A guest who is hidden (deleted here, or part of another contact) keeps the place for the day they are
-- shown again; hidden ones count nowhere. The conditions are all that is looked at for each changed contact.
CREATE OR REPLACE FUNCTION group_members_leave() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH left_behind AS (
        DELETE FROM group_member m USING contact_group g
        WHERE m.shop_id = NEW.shop_id AND m.contact_id = NEW.id AND g.shop_id = m.shop_id AND g.id = m.group_id
        AND CASE WHEN NEW.redacted_at IS NOT NULL THEN true
            WHEN NEW.shopify_customer_id IS NOT NULL AND g.kind = 'SHOPIFY_GUESTS' THEN true
            ELSE NEW.deleted_at IS NOT NULL AND g.kind = 'SHOPIFY_SEGMENT' END
        RETURNING m.group_id
    )
    UPDATE contact_group g SET count_due = true WHERE g.shop_id = NEW.shop_id AND NOT g.count_due
    AND g.id = ANY (ARRAY(SELECT group_id FROM left_behind UNION SELECT m.group_id FROM group_member m
        WHERE m.shop_id = NEW.shop_id AND m.contact_id = NEW.id ORDER BY 1));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER group_members_leave AFTER UPDATE ON contact FOR EACH ROW
WHEN ((NEW.deleted_at IS NULL) <> (OLD.deleted_at IS NULL) OR (NEW.redacted_at IS NOT NULL AND OLD.redacted_at IS NULL)
    OR (NEW.shopify_customer_id IS NOT NULL AND OLD.shopify_customer_id IS NULL))
EXECUTE FUNCTION group_members_leave();
