"""The one merged log on the screen: each line carries its process's name, in colour on a terminal."""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

RESET, BOLD, DIM, RED, GREEN = "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m"
CLEAR_LINE = "\r\x1b[2K"
PALETTE = tuple(f"\x1b[38;5;{number}m" for number in (39, 208, 70, 170, 220, 44, 141, 203, 114, 180))
PREFIX = "launcher  │"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_PROGRESS_EVERY = 2.0  # seconds between progress lines where there is no terminal


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Colour on terminals, unless NO_COLOR (no-color.org) says otherwise."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


class Console:
    """Writes lines of processes, the launcher's own words, and a progress line that never mixes with them."""

    def __init__(self, stream: TextIO | None = None, colour: bool | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colour = wants_colour(self._stream) if colour is None else colour
        self._colours: dict[str, str] = {}
        self._progress_shown = False
        self._progress_at = 0.0
        self._frame = 0

    def line(self, name: str, text: str) -> None:
        """One line of a process's output."""
        self._write(f"{self._paint(self._colour_of(name), f'{name:<9} │')} {text}\n")

    def say(self, text: str) -> None:
        """Something the launcher itself has to say."""
        self._write(f"{self._paint(BOLD, PREFIX)} {text}\n")

    def alarm(self, text: str) -> None:
        """Something that went wrong."""
        self._write(f"{self._paint(BOLD + RED, PREFIX)} {text}\n")

    def announce(self, text: str) -> None:
        """What one has been waiting for, standing out."""
        self._write(f"{self._paint(BOLD + GREEN, text)}\n")

    def progress(self, text: str) -> None:
        """What is being waited for: a spinner on a terminal, a line now and then elsewhere."""
        if self._colour:
            self._frame = (self._frame + 1) % len(SPINNER)
            fitting = f"{SPINNER[self._frame]} {text}"[: shutil.get_terminal_size().columns - 1]
            self._put(f"{CLEAR_LINE}{DIM}{fitting}{RESET}")
            self._progress_shown = True
        elif time.monotonic() - self._progress_at >= PLAIN_PROGRESS_EVERY:
            self._progress_at = time.monotonic()
            self.say(text)

    def _colour_of(self, name: str) -> str:
        return self._colours.setdefault(name, PALETTE[len(self._colours) % len(PALETTE)])

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._colour else text

    def _write(self, text: str) -> None:
        self._put(CLEAR_LINE + text if self._progress_shown else text)
        self._progress_shown = False

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # whoever read our output has left; the log files go on
            return
