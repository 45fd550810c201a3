-- A next step stands until it is done or another takes its place: talks say whether it is. With those that were recorded
-- before they said so, it was over. (schema.sql shows the whole.)

ALTER TABLE follow_up ADD COLUMN next_step_done boolean NOT NULL DEFAULT true;
ALTER TABLE follow_up ALTER COLUMN next_step_done DROP DEFAULT;
