CREATE TABLE auth.api_keys (
    key_id       text        PRIMARY KEY,           -- public: it stands in the key
    user_id      uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),  -- SHA-256 of the key
    name         text        NOT NULL,
    scopes       text[]      NOT NULL DEFAULT '{}', -- at most these; what the user has lost does not count
    tier         text        NOT NULL,              -- one of the gateway's budgets
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,                       -- to within a minute
    expires_at   timestamptz,
    revoked_at   timestamptz                        -- the row stays for a while, so that revoking can be repeated
);

CREATE INDEX api_keys_by_user ON auth.api_keys (user_id, created_at);
