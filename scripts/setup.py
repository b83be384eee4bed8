"""Bring the parts of the working copy up to date: `setup.py python frontend`, side by side.

Each part has a stamp holding the hash of what it was made from. When the stamps match, nothing runs and no network is
needed. Uses the standard library alone: it runs before anything is installed.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
CACHE = ROOT / ".cache"
NODE_NEEDED = (20, 19)
OUTPUT_SHOWN = 60  # lines of a failed command
NPM = ("npm", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class SetupFailed(Exception):
    """A part could not be set up; the text says why and what to do."""


def main(parts: list[str]) -> int:
    """Set up the parts, in parallel; return the exit code."""
    if not os.access(ROOT, os.W_OK):
        print(f"setup: {ROOT} is not writable for you; clone the project into a folder of your own.", file=sys.stderr)
        return 1
    CACHE.mkdir(exist_ok=True)
    with locked(CACHE / "setup.lock"), ThreadPoolExecutor() as pool:
        results = [pool.submit(PARTS[part]) for part in parts]
        problems = [result.exception() for result in results]
    for problem in problems:
        if isinstance(problem, SetupFailed | OSError):
            print(f"setup: {problem}", file=sys.stderr)
        elif problem is not None:
            raise problem
    return 1 if any(problems) else 0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one set-up at a time works in this folder."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def set_up_python() -> None:
    """The virtual environment with every package of requirements.lock, and the project itself, editable."""
    python, stamp = VENV / "bin" / "python", VENV / ".stamp"
    wanted = digest([ROOT / "requirements.lock", ROOT / "pyproject.toml"], str(ROOT))
    if python.exists() and is_current(stamp, wanted):
        return
    if not is_usable(python):
        with step("Python: creating .venv"):
            create_venv()
    with step("Python: installing packages"):
        install_packages(python)
    stamp.write_text(wanted)


def is_usable(python: Path) -> bool:
    """Whether there is a virtual environment already, made in this very place, of a Python that is new enough."""
    marker = VENV / ".made-in"
    if not (python.exists() and marker.exists() and marker.read_text() == str(ROOT)):
        return False
    asked = subprocess.run([str(python), "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True)
    return asked.stdout.strip() == b"True"


def create_venv() -> None:
    """Make `.venv` anew."""
    if VENV.is_symlink():
        VENV.unlink()
    try:
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    except SetupFailed as error:
        raise SetupFailed(f"{error}\nOn Debian or Ubuntu, this cures it: apt install python3-venv") from None
    (VENV / ".made-in").write_text(str(ROOT))


def install_packages(python: Path) -> None:
    """Install what the lock says, hashes checked: by uv, or by pip where uv cannot."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    lock = ["--require-hashes", "-r", str(ROOT / "requirements.lock")]
    project = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    try:
        run([*pip, "install", "--require-hashes", "-r", str(ROOT / "scripts" / "uv.txt")])
        uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(python)]
        env = {**os.environ, **uv_settings(python)}
        run([*uv, "--compile-bytecode", *lock], env)
        run([*uv, *project], env)
    except SetupFailed:
        run([*pip, "install", *lock])
        run([*pip, "install", *project])


def uv_settings(python: Path) -> dict[str, str]:
    """What pip is told of package index and certificates, for uv, which does not read pip's configuration."""
    listing = subprocess.run([str(python), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    told = dict(re.findall(r"^[^.]+\.([a-z-]+)='(.*)'$", listing.stdout, re.MULTILINE))
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    return {names[key]: value for key, value in told.items() if key in names and names[key] not in os.environ}


def set_up_frontend() -> None:
    """The dashboard, built into frontend/dist."""
    modules, dist = FRONTEND / "node_modules", FRONTEND / "dist"
    install_node_modules(modules)
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("VITE_")]
    wanted = digest(sources(FRONTEND), *settings)
    stamp = modules / ".built"
    if is_current(stamp, wanted) and (dist / "index.html").exists():
        return
    with step("front end: building"):
        run([*NPM, "run", "build"], cwd=FRONTEND)
    stamp.write_text(wanted)


def install_node_modules(modules: Path) -> None:
    """Install what package-lock.json says."""
    wanted = digest([FRONTEND / "package-lock.json", FRONTEND / "package.json"], str(ROOT))
    stamp = modules / ".stamp"
    if is_current(stamp, wanted):
        return
    check_node()
    with step("front end: installing packages"):
        try:
            run([*NPM, "ci"], cwd=FRONTEND)
        except SetupFailed:  # an interrupted install can leave what npm then cannot clear
            shutil.rmtree(modules, ignore_errors=True)
            run([*NPM, "ci"], cwd=FRONTEND)
    stamp.write_text(wanted)


def check_node() -> None:
    """Raise SetupFailed unless Node is new enough."""
    needed = ".".join(map(str, NODE_NEEDED))
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise SetupFailed(f"Node {needed} or newer (with npm) is needed for the dashboard, and none was found.")
    text = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if tuple(int(number) for number in re.findall(r"\d+", text)[:2]) < NODE_NEEDED:
        raise SetupFailed(f"Node {needed} or newer is needed for the dashboard; this is {text}.")


def sources(folder: Path) -> Iterator[Path]:
    """Every file the build is made from."""
    skipped = {"node_modules", "dist", "coverage"}
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - skipped)
        yield from (Path(path, name) for name in sorted(names) if not name.endswith(".tsbuildinfo"))


def digest(files: Iterable[Path], *texts: str) -> str:
    """A hash of the files' names and contents and of the texts."""
    result = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        result.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    for text in texts:
        result.update(f"{len(text)} {text}\n".encode())
    return result.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Whether the part was made from what is wanted."""
    return stamp.exists() and stamp.read_text() == wanted


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    since = time.monotonic()
    print(f"setup: {text} …", flush=True)
    yield
    print(f"setup: {text}: done ({time.monotonic() - since:.1f} s)", flush=True)


def run(command: list[str], env: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
    """Run a command quietly. Raises SetupFailed with its last lines."""
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = "\n".join((result.stdout + result.stderr).strip().splitlines()[-OUTPUT_SHOWN:])
        raise SetupFailed(f"{' '.join(command)} failed:\n{lines}")


PARTS: dict[str, Callable[[], None]] = {
    "python": set_up_python,
    "frontend": set_up_frontend,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
