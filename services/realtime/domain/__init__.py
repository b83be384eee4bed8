"""What realtime knows and decides: no I/O, no framework."""
