"""The cache service: how well the caches of all services do, and their bulk invalidation."""
