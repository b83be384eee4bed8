"""What the cache service needs of Redis."""
