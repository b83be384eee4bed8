"""PostgreSQL, Redis, NATS, argon2 and JWT, each behind a port of the domain."""
