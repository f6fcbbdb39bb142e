"""The project's own files, read and parsed once, for the tests that look at source text."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = frozenset({"build", "dist", "venv", "__pycache__", "node_modules"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Source:
    """One file: its path from the root with forward slashes, its text, and for Python its tree."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def package(self) -> str:
        """Name of the package below `src/margincall` ("" for files beside it or outside `src`)."""
        parts = self.path.split("/")
        return parts[2] if self.path.startswith("src/margincall/") and len(parts) > 3 else ""

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def at(self, line: int, message: str) -> str:
        """One finding, in the form that editors and terminals can follow."""
        return f"{self.path}:{line}: {message}"


def git_paths() -> list[str] | None:
    """Files that git tracks or would track; None outside a checkout or without git."""
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return [path for path in listed.decode().split("\0") if path]


def walked_paths(folder: Path) -> Iterator[str]:
    """All files below a folder, without hidden folders, environments and builds."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not hidden and path.name not in SKIPPED_FOLDERS and not (path / "pyvenv.cfg").exists():
                yield from walked_paths(path)
        else:
            yield path.relative_to(ROOT).as_posix()


@cache
def sources() -> tuple[Source, ...]:
    """Every text file of the project, in order of path."""
    paths = git_paths()
    found = []
    for path in sorted(set(walked_paths(ROOT) if paths is None else paths)):
        full = ROOT / path
        if not full.is_file() or full.is_symlink():
            continue
        try:
            found.append(Source(path, full.read_bytes().decode("utf-8")))
        except UnicodeDecodeError:
            continue
    return tuple(found)


def python_sources(*prefixes: str) -> list[Source]:
    """The Python files whose path starts with one of the prefixes; all without a prefix."""
    return [each for each in sources() if each.is_python and each.path.startswith(prefixes or "")]
