-- Who serves which customer, staff, what is known of customers, the work with them, leads, collisions and reminders.
-- (schema.sql shows the whole.)

-- ---------------------------------------------------------------------------------------------------------------------
-- ownership: who has each customer, now and at every position before. owner 0: the pool. since: the position from which
-- on it is so. protected_day, due_day: until when nobody else may have it, by when it must be followed up; announced_day:
-- the due day that was announced; rhythm_days above 0: nurtured. former had it before it came to the pool, on pooled_day.
-- region: the customer's, as it is now. (What else there is, the fold needs: ledger.domain.relations.records.)
--
-- From here to the timeline, days are counted from 1970-01-01 and NULL where there is none, amounts are fen, people and
-- things are their numbers, 0 for nobody and nothing.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE holding (
    customer            bigint   PRIMARY KEY,
    region              text     NOT NULL,
    registered          bigint   NOT NULL,
    registered_day      integer  NOT NULL,
    owner               bigint   NOT NULL,
    team                text     NOT NULL,
    why                 text     NOT NULL,
    since               bigint   NOT NULL,
    since_day           integer  NOT NULL,
    protected_day       integer,
    due_day             integer,
    announced_day       integer,
    follow_up_days      integer  NOT NULL,
    next_due_day        integer,
    rhythm_days         integer  NOT NULL,
    followed_day        integer,
    protection_said_day integer,
    quiet_said_day      integer,
    former              bigint   NOT NULL,
    pooled_day          integer,
    collaborators       bigint[] NOT NULL,
    position            bigint   NOT NULL
);
-- A person's portfolio, with what workloads count; what is due first; a region; the pool, as it came.
CREATE INDEX holding_owner_idx ON holding (owner, customer) INCLUDE (due_day, rhythm_days, protected_day) WHERE owner > 0;
CREATE INDEX holding_due_idx ON holding (due_day, customer) WHERE owner > 0 AND rhythm_days = 0;
CREATE INDEX holding_region_idx ON holding (region, customer);
CREATE INDEX holding_pool_idx ON holding (since, customer) WHERE owner = 0 AND why <> 'merged';
CREATE INDEX holding_pool_region_idx ON holding (region, since, customer) WHERE owner = 0 AND why <> 'merged';

-- One row for each time that a customer was somebody's, or in the pool, from a position to that of the next row; the last
-- reaches to the greatest bigint, and its days to the greatest integer. Before the first row it was in the pool.
-- assigned_at, followed_at: when the row began, and the first talk since.
CREATE TABLE holding_history (
    customer      bigint      NOT NULL,
    position_from bigint      NOT NULL,
    position_to   bigint      NOT NULL,
    day_from      integer     NOT NULL,
    day_to        integer     NOT NULL,
    staff         bigint      NOT NULL,
    team          text        NOT NULL,
    why           text        NOT NULL,
    rule          text        NOT NULL,
    rule_set      text        NOT NULL,
    cause         bigint      NOT NULL,
    assigned_at   timestamptz NOT NULL,
    followed_at   timestamptz,
    PRIMARY KEY (customer, position_from)
);
CREATE UNIQUE INDEX holding_history_now_idx ON holding_history (customer) WHERE position_to = 9223372036854775807;
CREATE INDEX holding_history_staff_idx ON holding_history (staff, customer, position_from) WHERE staff > 0;
CREATE INDEX holding_history_day_idx ON holding_history (day_from) WHERE staff > 0;

-- What must be known of a customer to give it back as it was: how handovers and a merging found and left it, and what the
-- next event gives back. handover: the last one that it stands as left by; survivor: the customer it was merged into.
CREATE TABLE holding_kept (
    customer bigint PRIMARY KEY,
    handover bigint NOT NULL,
    survivor bigint NOT NULL,
    kept     jsonb  NOT NULL
);
CREATE INDEX holding_kept_handover_idx ON holding_kept (handover) WHERE handover > 0;
CREATE INDEX holding_kept_survivor_idx ON holding_kept (survivor) WHERE survivor > 0;

CREATE TABLE collaboration (
    customer bigint NOT NULL,
    staff    bigint NOT NULL,
    PRIMARY KEY (customer, staff)
);
CREATE INDEX collaboration_staff_idx ON collaboration (staff, customer);

-- ---------------------------------------------------------------------------------------------------------------------
-- staff: people of the firm and their teams. sealed: their name and phone, "" once they were erased. place: the region
-- they work in, their own or that of the nearest team above that has one.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE team (
    team     text   PRIMARY KEY,
    name     text   NOT NULL,
    parent   text   NOT NULL,
    region   text   NOT NULL,
    kind     text   NOT NULL,
    position bigint NOT NULL
);

-- Every team with itself and each team above it.
CREATE TABLE team_above (
    team  text NOT NULL,
    above text NOT NULL,
    PRIMARY KEY (team, above)
);
CREATE INDEX team_above_above_idx ON team_above (above);

CREATE TABLE staff (
    number           bigint  PRIMARY KEY CHECK (number > 0),
    person           bigint  NOT NULL,
    sealed           text    NOT NULL,
    source           text    NOT NULL,
    reference        text    NOT NULL,
    team             text    NOT NULL,
    role             text    NOT NULL,
    region           text    NOT NULL,
    place            text    NOT NULL,
    skills           jsonb   NOT NULL,
    experience_years integer NOT NULL,
    capacity         integer NOT NULL,
    joined_day       integer NOT NULL,
    last_day         integer,
    position         bigint  NOT NULL
);
CREATE INDEX staff_team_idx ON staff (team, number);
CREATE INDEX staff_place_idx ON staff (place, number);

CREATE TABLE staff_absence (
    staff     bigint  NOT NULL,
    first_day integer NOT NULL,
    last_day  integer NOT NULL,
    position  bigint  NOT NULL,
    PRIMARY KEY (staff, first_day)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- profile: what is known of a customer beyond name and traits. Who a contact is, and what is said about one, is sealed;
-- sealed is "" once they were erased.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE profile (
    customer       bigint PRIMARY KEY,
    credit_code    text   NOT NULL,
    qualifications text[] NOT NULL,
    needs          text   NOT NULL,
    cooperation    text   NOT NULL,
    more           jsonb  NOT NULL,
    position       bigint NOT NULL
);

CREATE TABLE contact (
    person   bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    sealed   text    NOT NULL,
    place    text    NOT NULL,
    decides  boolean NOT NULL,
    position bigint  NOT NULL
);
CREATE INDEX contact_customer_idx ON contact (customer, person);

-- An entry takes the place of the one of the same kind and value about the same. customer 0: about a whole region.
CREATE TABLE knowledge (
    customer bigint  NOT NULL,
    region   text    NOT NULL,
    kind     text    NOT NULL,
    value    text    NOT NULL,
    person   bigint  NOT NULL,
    text     text    NOT NULL,
    sealed   text    NOT NULL,
    day      integer NOT NULL,
    position bigint  NOT NULL,
    PRIMARY KEY (customer, region, kind, value, person)
);
CREATE INDEX knowledge_person_idx ON knowledge (person) WHERE person > 0;

CREATE TABLE project (
    number   bigint PRIMARY KEY CHECK (number > 0),
    customer bigint NOT NULL,
    name     text   NOT NULL,
    stage    text   NOT NULL,
    region   text   NOT NULL,
    amount   bigint NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX project_customer_idx ON project (customer, number);

-- name: as it was given, the id of a customer or a name; customer: its number, 0 where it is none of ours.
CREATE TABLE project_party (
    project  bigint  NOT NULL,
    ordinal  integer NOT NULL,
    role     text    NOT NULL,
    name     text    NOT NULL,
    customer bigint  NOT NULL,
    PRIMARY KEY (project, ordinal)
);
CREATE INDEX project_party_customer_idx ON project_party (customer) WHERE customer > 0;

-- customer: whose project it is.
CREATE TABLE site_member (
    project  bigint NOT NULL,
    staff    bigint NOT NULL,
    customer bigint NOT NULL,
    PRIMARY KEY (project, staff)
);
CREATE INDEX site_member_staff_idx ON site_member (staff, customer);

CREATE TABLE milestone (
    project     bigint  NOT NULL,
    milestone   text    NOT NULL,
    name        text    NOT NULL,
    due_day     integer NOT NULL,
    reached_day integer,
    position    bigint  NOT NULL,
    PRIMARY KEY (project, milestone)
);
CREATE INDEX milestone_due_idx ON milestone (due_day) WHERE reached_day IS NULL;

-- undone: the position at which it was taken back, 0 while it stands.
CREATE TABLE merging (
    position bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    merged   bigint  NOT NULL,
    reason   text    NOT NULL,
    day      integer NOT NULL,
    undone   bigint  NOT NULL
);
CREATE INDEX merging_customer_idx ON merging (customer, position);
CREATE INDEX merging_merged_idx ON merging (merged, position);

-- Customers that stand for others now: merged_into is the next one, survivor the last.
CREATE TABLE customer_merged (
    customer    bigint PRIMARY KEY,
    merged_into bigint NOT NULL,
    survivor    bigint NOT NULL
);
CREATE INDEX customer_merged_survivor_idx ON customer_merged (survivor);

-- ---------------------------------------------------------------------------------------------------------------------
-- work: chances of contracts with the stages they went through, talks, tasks. stage_reached: the furthest stage but
-- lost that it ever stood at, by its place in the list of stages.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE opportunity (
    number              bigint  PRIMARY KEY CHECK (number > 0),
    customer            bigint  NOT NULL,
    staff               bigint  NOT NULL,
    name                text    NOT NULL,
    project             bigint  NOT NULL,
    channel             text    NOT NULL,
    stage               text    NOT NULL,
    stage_day           integer NOT NULL,
    stage_reached       integer NOT NULL,
    amount              bigint  NOT NULL,
    probability_percent integer NOT NULL,
    expected_day        integer,
    opened_day          integer NOT NULL,
    ended_day           integer,
    reason              text    NOT NULL,
    source              text    NOT NULL,
    reference           text    NOT NULL,
    position            bigint  NOT NULL
);
CREATE INDEX opportunity_customer_idx ON opportunity (customer, number);
CREATE INDEX opportunity_staff_idx ON opportunity (staff, number);
CREATE INDEX opportunity_opened_idx ON opportunity (opened_day, number);
CREATE INDEX opportunity_ended_idx ON opportunity (ended_day) WHERE ended_day IS NOT NULL;

-- day_to NULL: it stands there now.
CREATE TABLE opportunity_stage (
    opportunity bigint  NOT NULL,
    position    bigint  NOT NULL,
    stage       text    NOT NULL,
    day_from    integer NOT NULL,
    day_to      integer,
    PRIMARY KEY (opportunity, position)
);

CREATE TABLE follow_up (
    position     bigint  PRIMARY KEY,
    customer     bigint  NOT NULL,
    staff        bigint  NOT NULL,
    day          integer NOT NULL,
    channel      text    NOT NULL,
    said         text    NOT NULL,
    next_step    text    NOT NULL,
    next_due_day integer,
    outcome      text    NOT NULL,
    opportunity  bigint  NOT NULL,
    satisfaction integer NOT NULL
);
CREATE INDEX follow_up_customer_idx ON follow_up (customer, position);
CREATE INDEX follow_up_staff_idx ON follow_up (staff, position);
CREATE INDEX follow_up_day_idx ON follow_up (day);

-- doer: who has to do it, 0 for whoever of the department. note: the last one.
CREATE TABLE task (
    number           bigint  PRIMARY KEY CHECK (number > 0),
    customer         bigint  NOT NULL,
    staff            bigint  NOT NULL,
    department       text    NOT NULL,
    doer             bigint  NOT NULL,
    title            text    NOT NULL,
    due_day          integer NOT NULL,
    state            text    NOT NULL,
    progress_percent integer NOT NULL,
    note             text    NOT NULL,
    opportunity      bigint  NOT NULL,
    handed_day       integer NOT NULL,
    accepted_day     integer,
    ended_day        integer,
    position         bigint  NOT NULL
);
CREATE INDEX task_customer_idx ON task (customer, number);
CREATE INDEX task_staff_idx ON task (staff, number);
CREATE INDEX task_doer_idx ON task (doer, number);
CREATE INDEX task_department_idx ON task (department, number);
CREATE INDEX task_due_idx ON task (due_day, number) WHERE ended_day IS NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- arrivals: leads, and collisions over them. matched: the customer that the lead was found to be or seems to be, and that
-- the holder has; matches: [kind, score] each. owner NULL: not ruled yet; settled_by: "rules" or who ruled.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE lead (
    position bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    source   text    NOT NULL,
    lead     text    NOT NULL,
    channel  text    NOT NULL,
    staff    bigint  NOT NULL,
    project  text    NOT NULL,
    amount   bigint  NOT NULL,
    is_new   boolean NOT NULL,
    matched  bigint  NOT NULL,
    matches  jsonb   NOT NULL,
    day      integer NOT NULL
);
CREATE INDEX lead_customer_idx ON lead (customer, position);
CREATE INDEX lead_day_idx ON lead (day);

CREATE TABLE collision (
    number     bigint  PRIMARY KEY CHECK (number > 0),
    customer   bigint  NOT NULL,
    matched    bigint  NOT NULL,
    holder     bigint  NOT NULL,
    asker      bigint  NOT NULL,
    certainty  text    NOT NULL,
    matches    jsonb   NOT NULL,
    project    text    NOT NULL,
    day        integer NOT NULL,
    owner      bigint,
    settled_by text    NOT NULL,
    reason     text    NOT NULL,
    ruled_day  integer,
    position   bigint  NOT NULL
);
CREATE INDEX collision_customer_idx ON collision (customer);
CREATE INDEX collision_matched_idx ON collision (matched);
CREATE INDEX collision_asker_idx ON collision (asker, number);
CREATE INDEX collision_open_idx ON collision (number) WHERE owner IS NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- reminders: what was said to be due, once each. number: of the task or project that it is about.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE reminder (
    position bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    kind     text    NOT NULL,
    staff    bigint  NOT NULL,
    about    text    NOT NULL,
    number   bigint  NOT NULL,
    due_day  integer NOT NULL,
    day      integer NOT NULL
);
CREATE INDEX reminder_staff_idx ON reminder (staff, position);
CREATE INDEX reminder_customer_idx ON reminder (customer, position);

-- ---------------------------------------------------------------------------------------------------------------------
-- timeline: every event about relations in a customer's stream; what else there is stands in history.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE timeline (
    customer    bigint      NOT NULL,
    position    bigint      NOT NULL,
    topic       text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor       text        NOT NULL,
    cause       bigint      NOT NULL,
    PRIMARY KEY (customer, position)
);

INSERT INTO view_table (name, view) VALUES
    ('holding', 'ownership'), ('holding_history', 'ownership'), ('holding_kept', 'ownership'),
    ('collaboration', 'ownership'),
    ('team', 'staff'), ('team_above', 'staff'), ('staff', 'staff'), ('staff_absence', 'staff'),
    ('profile', 'profile'), ('contact', 'profile'), ('knowledge', 'profile'), ('project', 'profile'),
    ('project_party', 'profile'), ('site_member', 'profile'), ('milestone', 'profile'), ('merging', 'profile'),
    ('customer_merged', 'profile'),
    ('opportunity', 'work'), ('opportunity_stage', 'work'), ('follow_up', 'work'), ('task', 'work'),
    ('lead', 'arrivals'), ('collision', 'arrivals'),
    ('reminder', 'reminders'),
    ('timeline', 'timeline');

GRANT SELECT, INSERT, UPDATE, DELETE
    ON holding, holding_history, holding_kept, collaboration, team, team_above, staff, staff_absence, profile, contact,
       knowledge, project, project_party, site_member, milestone, merging, customer_merged, opportunity, opportunity_stage, follow_up,
       task, lead, collision, reminder, timeline
    TO plumbline_app;
