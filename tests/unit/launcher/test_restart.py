"""A process that keeps crashing is restarted ever later, one that had run well at once."""

from launcher.model import Restart
from launcher.supervisor import describe_exit


def test_delays_double_from_a_fifth_of_a_second_up_to_five():
    delays = [Restart().delay(crashes) for crashes in range(1, 8)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_the_delay_stays_at_its_cap_for_ever():
    assert Restart().delay(100_000) == 5.0


def test_each_quick_crash_counts():
    assert Restart().crashes_after(3, seconds_up=1.0) == 4


def test_crashes_are_forgotten_after_half_a_minute_up():
    assert Restart().crashes_after(3, seconds_up=30.0) == 1


def test_an_exit_is_told_in_words():
    assert describe_exit(-9) == "was killed by SIGKILL"
    assert describe_exit(2) == "exited with code 2"
    assert describe_exit(None) == "could not be started"
