CREATE TABLE auth.users (
    user_id           uuid        PRIMARY KEY,
    email             text        NOT NULL,         -- as it was given
    email_key         text        NOT NULL UNIQUE,  -- normalised: what makes an address unique
    display_name      text        NOT NULL,
    scopes            text[]      NOT NULL DEFAULT '{}',
    epoch             bigint      NOT NULL DEFAULT 1,
    email_verified_at timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE auth.credentials (
    user_id       uuid        PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE,
    password_hash text        NOT NULL,             -- argon2id, with its parameters
    changed_at    timestamptz NOT NULL DEFAULT now()
);

-- Keys shared by all replicas: Ed25519 seeds that sign access tokens, and the secret behind refresh tokens.
CREATE TABLE auth.keys (
    key_id      text        PRIMARY KEY,
    purpose     text        NOT NULL CHECK (purpose IN ('access', 'refresh')),
    secret      bytea       NOT NULL,
    sealed      boolean     NOT NULL,               -- encrypted with CV_AUTH_KEY_ENCRYPTION_KEY
    active_from timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Each entry's seal is SHA-256(previous seal, number, content); numbers have no gap.
CREATE TABLE auth.audit_log (
    number  bigint PRIMARY KEY CHECK (number > 0),
    content text   NOT NULL,                        -- JSON, exactly as it was sealed
    seal    bytea  NOT NULL CHECK (octet_length(seal) = 32)
);

CREATE INDEX audit_log_by_user ON auth.audit_log ((content::jsonb ->> 'user_id'), number);

CREATE FUNCTION auth.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_log_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_change();
