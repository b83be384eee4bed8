"""Limits that ruff does not know: sizes of functions, files and entry points, and tests that assert nothing."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON_FOLDERS = ("services", "simulator", "launcher", "scripts", "tests", "bench")
FRONTEND_SOURCES = ROOT / "frontend" / "src"
FUNCTION_LIMIT = 60  # lines
FILE_LIMIT = 400  # lines
ENTRY_LIMIT = 10  # lines
# `until` and `eventually` fail when what they wait for does not come.
ASSERTING_CALLS = ("raises", "warns", "expect", "fail", "until", "eventually", "run_state_machine_as_test")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print every breach; return 1 when there is one."""
    breaches = [*python_breaches(), *frontend_breaches()]
    print("\n".join(breaches))
    return 1 if breaches else 0


def python_breaches() -> Iterator[str]:
    """What is wrong in the Python files."""
    for folder in PYTHON_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            yield from file_breaches(path, text)
            yield from function_breaches(path, ast.parse(text))


def frontend_breaches() -> Iterator[str]:
    """What is wrong in the front end's files."""
    for path in sorted(FRONTEND_SOURCES.rglob("*.ts*")):
        yield from file_breaches(path, path.read_text())


def file_breaches(path: Path, text: str) -> Iterator[str]:
    """Files that are too long."""
    lines = len(text.splitlines())
    limit = ENTRY_LIMIT if path.name == "__main__.py" and path.is_relative_to(ROOT / "services") else FILE_LIMIT
    if lines > limit:
        yield f"{path.relative_to(ROOT)}: {lines} lines, more than {limit}"


def function_breaches(path: Path, tree: ast.Module) -> Iterator[str]:
    """Functions that are too long, and tests without an assertion."""
    for node in ast.walk(tree):
        if not isinstance(node, Function):
            continue
        place = f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LIMIT:
            yield f"{place} has {lines} lines, more than {FUNCTION_LIMIT}"
        if node.name.startswith("test_") and path.name.startswith("test_") and not asserts(node):
            yield f"{place} asserts nothing"


def asserts(function: Function) -> bool:
    """Whether a test can fail by its own words."""
    return any(isinstance(node, ast.Assert) or is_asserting_call(node) for node in ast.walk(function))


def is_asserting_call(node: ast.AST) -> bool:
    """Whether the node calls something like `pytest.raises`, `expect` or `assert_…`."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ASSERTING_CALLS or name.startswith("assert_")


if __name__ == "__main__":
    sys.exit(main())
