"""Write `constraints.txt`: the version of everything that `.[dev]` installs, names and versions only.

Run by `make lock`, on Python 3.11, the oldest version supported: what resolves there installs everywhere.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by `make lock` on Python 3.11. Names and versions only.\n"


def freeze(environment: Path) -> list[str]:
    """Install `.[dev]` into a new environment and list what it holds, the project itself excepted."""
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", f"{ROOT}[dev]"], check=True)
    frozen = subprocess.run([*pip, "freeze", "--exclude", "margincall"], check=True, capture_output=True, text=True)
    return sorted(frozen.stdout.split("\n"), key=str.casefold)


def main() -> None:
    """Resolve, check that no line holds an address, write."""
    if sys.version_info[:2] != (3, 11):
        sys.exit("constraints are resolved on Python 3.11: make lock LOCK_PYTHON=/path/to/python3.11")
    with tempfile.TemporaryDirectory() as folder:
        pins = [line for line in freeze(Path(folder) / "venv") if line]
    odd = [line for line in pins if "==" not in line or "/" in line or "@" in line]
    if odd:
        sys.exit("not a plain name==version: " + ", ".join(odd))
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(pins)} versions")


if __name__ == "__main__":
    main()
