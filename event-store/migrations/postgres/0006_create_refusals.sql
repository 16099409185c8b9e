-- Commands that were refused: no events, for they changed nothing. The first of each subject are kept, all are counted.
CREATE TABLE refusals (
    id             bigint           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject        text COLLATE "C" NOT NULL,
    number         bigint           NOT NULL,
    refusal_id     uuid             NOT NULL,
    at             timestamptz      NOT NULL,
    command        text             NOT NULL,
    command_id     uuid             NOT NULL,
    code           text             NOT NULL,
    detail         text             NOT NULL,
    actor          text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    position       bigint           NOT NULL
);

CREATE UNIQUE INDEX refusals_by_subject ON refusals (subject, number);

CREATE INDEX refusals_by_actor ON refusals (actor, position);

CREATE INDEX refusals_by_correlation ON refusals (correlation_id) WHERE correlation_id <> '';

CREATE TABLE refusal_counts (
    subject text COLLATE "C" NOT NULL PRIMARY KEY,
    refused bigint           NOT NULL,
    last_at timestamptz      NOT NULL
) WITH (fillfactor = 85);
