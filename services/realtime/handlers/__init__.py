"""Translate what comes from outside, call the hub, translate back."""
