"""The launcher's commands."""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence

from launcher.binaries import MissingProgram
from launcher.death import die_with_parent
from launcher.down import down
from launcher.markdown import markdown
from launcher.plan import environment_of
from launcher.profile import profile
from launcher.stack import STACK
from launcher.status import status
from launcher.up import up


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (FileNotFoundError, MissingProgram) as error:
        print(error)
        return 1


def _run(options: argparse.Namespace) -> int:
    environ = environment_of(os.environ)
    if options.command == "up":
        if options.with_parent:
            die_with_parent(signal.SIGTERM, os.getppid())
        return asyncio.run(up(environ))
    if options.command == "down":
        return down(environ)
    if options.command == "status":
        return asyncio.run(status(environ))
    if options.command == "profile":
        return profile(environ, options.service, options.seconds)
    print(markdown(STACK))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="launcher", description="Runs CryptoVault on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything and keep it running until Ctrl-C")
    start.add_argument("--with-parent", action="store_true", help="stop when the process that started this one ends")
    commands.add_parser("down", help="stop a stack left running")
    commands.add_parser("status", help="show what runs and how it is")
    flame = commands.add_parser("profile", help="write a flame graph of a running service")
    flame.add_argument("service")
    flame.add_argument("--seconds", type=int, default=10)
    table = commands.add_parser("stack", help="print the stack table")
    table.add_argument("--markdown", action="store_true", help="as docs/architecture.md holds it")
    return parser
