"""Check that a wheel holds what an installed margincall needs: modules, venue data, licence, type marker."""

import sys
import zipfile
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"
KINDS = frozenset({".py", ".json", ".csv", ".typed", ".toml", ".html", ".txt"})


def main() -> None:
    """Name the files that are missing from the wheel, or that have no business in it."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        held = set(wheel.namelist())
    wanted = {
        path.relative_to(SRC).as_posix()
        for path in (SRC / "margincall").rglob("*")
        if path.suffix in KINDS and "__pycache__" not in path.parts
    }
    missing = sorted(wanted - held)
    strays = sorted(name for name in held if not name.startswith(("margincall/", "margincall-")))
    licensed = any(name.endswith("licenses/LICENSE") for name in held)
    if missing or strays or not licensed:
        sys.exit(f"wheel: missing {missing}, strays {strays}, licence {'there' if licensed else 'absent'}")
    print(f"wheel: {len(held)} files, nothing missing")


if __name__ == "__main__":
    main()
