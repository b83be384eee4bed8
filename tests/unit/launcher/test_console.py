"""The merged log: whose line it is, colour only where it is wanted, a progress line that leaves no trace."""

import io

from launcher.console import CLEAR_LINE, Console, wants_colour
from launcher.logs import LogFile


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_each_line_says_whose_it_is():
    stream = io.StringIO()
    Console(stream, colour=False).line("prices", "binance speaks")
    assert stream.getvalue() == "prices    │ binance speaks\n"


def test_colour_is_for_terminals_that_want_it():
    assert wants_colour(Terminal(), {})
    assert not wants_colour(Terminal(), {"NO_COLOR": "1"})
    assert not wants_colour(io.StringIO(), {})


def test_two_processes_have_two_colours():
    stream = io.StringIO()
    console = Console(stream, colour=True)
    console.line("auth", "x")
    console.line("prices", "x")
    first, second = (line.split("m")[0] for line in stream.getvalue().splitlines())
    assert first != second


def test_the_progress_line_is_wiped_before_the_next_one():
    stream = io.StringIO()
    console = Console(stream, colour=True)
    console.progress("waiting for auth")
    console.line("auth", "up")
    assert stream.getvalue().index(CLEAR_LINE, 1) > stream.getvalue().index("waiting")


def test_without_a_terminal_progress_is_told_now_and_then():
    stream = io.StringIO()
    console = Console(stream, colour=False)
    for _ in range(20):
        console.progress("waiting for auth")
    assert stream.getvalue().count("waiting") == 1


def test_a_reader_who_left_does_not_stop_the_launcher():
    stream = io.StringIO()
    stream.close()
    assert Console(stream, colour=False).say("still here") is None


def test_the_log_of_the_run_before_is_kept(tmp_path):
    path = tmp_path / "auth.log"
    for text in ("first", "second"):
        file = LogFile(path)
        file.write(text)
        file.close()
    assert (path.read_text(), path.with_suffix(".log.1").read_text()) == ("second\n", "first\n")
