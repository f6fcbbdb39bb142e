"""The text of a case: parsed into blocks, and written again with other right-hand sides. The format is in README.md."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

FOLDER = Path(__file__).parent
HEADING = re.compile(r"(?P<kind>brackets|given|published|wrong|oracle|expect)\b ?(?P<name>.*)")
INDENT = "  "


class BadCase(ValueError):
    """A case that does not follow the format; the message names file and line."""


@dataclass(frozen=True)
class Line:
    """One line of a block, without its indentation, and its number in the file."""

    number: int
    text: str


@dataclass(frozen=True)
class Block:
    """A heading (`kind name`) and the lines under it. `comment` stands before the heading."""

    kind: str
    name: str
    lines: tuple[Line, ...] = ()
    comment: tuple[str, ...] = ()

    def pairs(self) -> dict[str, str]:
        """The lines `path = value` as a mapping."""
        found: dict[str, str] = {}
        for line in self.lines:
            if line.text.startswith("#"):
                continue
            path, equals, value = line.text.partition(" = ")
            if not equals or path in found:
                raise BadCase(f"line {line.number}: `path = value`, each path once: {line.text}")
            found[path] = value
        return found


@dataclass(frozen=True)
class Case:
    """A parsed case. `about` are the lines before the first block."""

    name: str
    about: tuple[str, ...]
    blocks: tuple[Block, ...] = field(default=())

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the numbers come from."""
        return tuple(line.removeprefix("source:").strip() for line in self.about if line.startswith("source:"))

    @property
    def given(self) -> Block:
        """What is given: the one block of that kind."""
        (found,) = self.of("given")
        return found

    @property
    def is_history(self) -> bool:
        return self.given.name == "history"

    def of(self, kind: str) -> list[Block]:
        """The blocks of one kind, in order."""
        return [block for block in self.blocks if block.kind == kind]


def cases() -> list[Case]:
    """All cases of this folder, by name."""
    return [load(path.stem) for path in sorted(FOLDER.glob("*.case"))]


def load(name: str) -> Case:
    """One case of this folder."""
    return parse(name, (FOLDER / f"{name}.case").read_text(encoding="utf-8"))


def save(case: Case) -> None:
    """Write a case back to its file."""
    (FOLDER / f"{case.name}.case").write_text(written(case), encoding="utf-8")


def parse(name: str, text: str) -> Case:
    """The blocks of a text. A heading stands at the start of a line; what belongs to it is indented."""
    about: list[str] = []
    blocks: list[Block] = []
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(INDENT) and blocks and not comment:
            lines = (*blocks[-1].lines, Line(number, line.removeprefix(INDENT).rstrip()))
            blocks[-1] = replace(blocks[-1], lines=lines)
        elif heading := HEADING.fullmatch(line):
            blocks.append(Block(heading["kind"], heading["name"].strip(), comment=tuple(comment)))
            comment = []
        elif line and not line.startswith("#") and blocks:
            raise BadCase(f"{name}.case:{number}: neither a heading nor indented: {line}")
        elif not blocks:
            about.append(line)
        elif line:
            comment.append(line)
    found = Case(name, tuple(about), tuple(blocks))
    if len(found.of("given")) != 1 or not found.sources or not about[0].startswith("# "):
        raise BadCase(f"{name}.case: a comment, `source:` and one block `given` are needed")
    return found


def written(case: Case) -> str:
    """The text of a case: what `parse` reads."""
    out = "\n".join(case.about).rstrip().splitlines()
    before: Block | None = None
    for block in case.blocks:
        listed = before is not None and before.kind == block.kind == "brackets" and not before.lines
        out += [*([] if listed else [""]), *block.comment, f"{block.kind} {block.name}".rstrip()]
        before = block
        out += [f"{INDENT}{line.text}".rstrip() for line in block.lines]
    return "\n".join(out) + "\n"


def block_of(kind: str, name: str, pairs: dict[str, str]) -> Block:
    """A block of lines `path = value`."""
    return Block(kind, name, tuple(Line(0, f"{path} = {value}") for path, value in pairs.items()))
