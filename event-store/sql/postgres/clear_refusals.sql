TRUNCATE refusals, refusal_counts RESTART IDENTITY;
