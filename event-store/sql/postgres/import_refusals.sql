INSERT INTO refusals (
    subject, number, refusal_id, at, command, command_id, code, detail, actor, correlation_id, position
)
SELECT *
FROM unnest(
    $1::text[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::bigint[]
);
