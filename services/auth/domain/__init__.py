"""The rules of accounts, sessions and tokens: no I/O, no framework."""
