-- What ends with a user: keys and the reserved e-mail, found by user. Grain: as before.
-- migrate:up
CREATE INDEX api_key_user ON api_key (user_id);
CREATE INDEX name_reservation_user ON name_reservation (user_id);

UPDATE api_key SET revoked_at = now() FROM user_profile u
 WHERE u.id = user_id AND u.erased_at IS NOT NULL AND revoked_at IS NULL;
DELETE FROM name_reservation r USING user_profile u
 WHERE u.id = r.user_id AND u.erased_at IS NOT NULL AND r.kind = 'email';

COMMENT ON COLUMN api_key.revoked_at IS 'by an operator, or by the sink with the erasure of its user';
COMMENT ON TABLE name_reservation IS 'Written by the door before user-created is published; the same event gets the same answer again. An erased user''s handle stays, the e-mail goes.';

-- migrate:down
DROP INDEX name_reservation_user;
DROP INDEX api_key_user;
