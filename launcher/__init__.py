"""The launcher behind `make up`: one command starts, watches and stops the whole suite on one machine.

Reading order: `stack` (the table of what runs) -> `plan` (ports, folders and environment for it) -> `up` (start, wait,
announce, stop) -> `running` (all processes together) -> `supervisor` (one process, kept alive). `down`, `status` and
`profile` find a running stack by the state it keeps in its private folder `.run/<instance>/`.
"""
