"""The fake exchanges, one package each, and what they have in common."""
