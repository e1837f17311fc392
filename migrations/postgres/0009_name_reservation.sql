-- Who asked first for a name that must be unique. Grain: one name of one kind (handle, email). Operational: no state of the log.
-- migrate:up
CREATE TABLE name_reservation (
    kind        text        NOT NULL,
    value       text        NOT NULL,
    event_id    uuid        NOT NULL,
    user_id     bigint      NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, value)
);
COMMENT ON TABLE name_reservation IS 'Written by the door before user-created is published; the same event gets the same answer again.';

CREATE INDEX name_reservation_event ON name_reservation (event_id);

-- migrate:down
DROP TABLE name_reservation;
