"""Readies the embedded PostgreSQL: creates its cluster once, clears what a killed server left, steps down from root."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

from launcher.binaries import postgres_bin
from launcher.processes import exists, works_in

UNPRIVILEGED = "nobody"
LEFTOVER_EXIT = 5.0  # seconds a leftover server gets to shut down
RIGHTS_NEEDED = 1 << 1 | 1 << 8  # CAP_DAC_OVERRIDE, to be passed on, and CAP_SETPCAP, to do so


def prepare(data: Path) -> None:
    """Make the cluster under `data` ready to be served; creates it, with its database, the first time."""
    if os.geteuid() == 0:
        _give_to_unprivileged(data)
    cluster = data / "cluster"
    if (cluster / "PG_VERSION").exists():
        _clear_leftover(cluster)
    else:
        _create(cluster)


def as_unprivileged(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as root must run it: PostgreSQL refuses root's rights, so it runs as another user.

    That user keeps the one right to read through folders closed to it, such as a clone below /root.
    """
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise FileNotFoundError("setpriv (util-linux) is needed to run PostgreSQL when you are root")
    user = pwd.getpwnam(UNPRIVILEGED)
    step_down = (setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=INT")
    # Without no_setuid_fixup access(2) would forget the right, and initdb asks it whether its programs can be run.
    rights = ("--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return (*step_down, *(rights if _has_rights() else ()), "--", *command)


def _has_rights() -> bool:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return int(line.split()[1], 16) & RIGHTS_NEEDED == RIGHTS_NEEDED


def _give_to_unprivileged(data: Path) -> None:
    user = pwd.getpwnam(UNPRIVILEGED)
    os.chown(data, user.pw_uid, user.pw_gid)


def _create(cluster: Path) -> None:
    """Create cluster and database in a draft folder first, so that an interrupted start leaves no half of one."""
    draft = cluster.with_name("draft")
    shutil.rmtree(draft, ignore_errors=True)
    programs = postgres_bin()
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
    _run((f"{programs}/initdb", "-D", str(draft), *options))
    _run((f"{programs}/postgres", "--single", "-D", str(draft), "postgres"), "CREATE DATABASE cryptovault")
    draft.rename(cluster)


def _run(command: tuple[str, ...], text: str = "") -> None:
    result = subprocess.run(as_unprivileged(command), input=text, capture_output=True, text=True, cwd="/", check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} failed: {result.stderr.strip() or result.stdout.strip()}")


def _clear_leftover(cluster: Path) -> None:
    """Deal with postmaster.pid of a server that was killed.

    PostgreSQL itself copes when the process it names is gone. Not so when its id has been given to another program
    since, or when the server outlived its launcher.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if works_in(pid, cluster):
        _shut_down(pid, cluster)
    elif exists(pid):
        pid_file.unlink(missing_ok=True)


def _shut_down(pid: int, cluster: Path) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + LEFTOVER_EXIT
        while works_in(pid, cluster) and time.monotonic() < deadline:
            time.sleep(0.05)
