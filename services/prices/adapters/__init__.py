"""Where prices meets other systems: Redis, PostgreSQL, and the messages of the wire."""
