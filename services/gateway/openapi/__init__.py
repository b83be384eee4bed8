"""OpenAPI 3.1 from the protos: operations, policies, messages, and their comments as descriptions."""
