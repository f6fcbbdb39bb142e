"""The folder of a dispute: ticket, verdict sheet, claim, evidence, and a list of all files with their hashes.

    FOLDER/ticket_short.txt     at most 1,000 characters, for the first message
    FOLDER/ticket_long.txt      everything, with rules, sources, files and lines
    FOLDER/verdict.md           the figures in the form of the venue's support, and every check
    FOLDER/claim.json           margincall.dispute/1, for programs
    FOLDER/evidence/            copies of the files (not in a redacted bundle)
    FOLDER/beside/1/            those of another account, where one was compared
    FOLDER/manifest.sha256      SHA-256 of each of them, as sha256sum writes and checks it

The folder appears whole or not at all. One that is there is replaced only if it is a bundle of the same case, and
everything in it is as it was written by an earlier run: what its manifest lists, and nothing else.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from margincall.case.dispute import Decided, account_of, claim_of
from margincall.case.dispute_cited import Lines
from margincall.case.dispute_redact import Names, redacted_claim, redacted_decision, redacted_history
from margincall.case.dispute_sheet import BESIDE, verdict_sheet
from margincall.case.dispute_text import long_ticket, sheets_of, short_ticket
from margincall.case.folder import is_case, read_manifest
from margincall.case.owners import MIXED, NOBODY_ELSE, Owners
from margincall.core.rounding import exact
from margincall.errors import Refused, UsageError
from margincall.forensics.answer import Answer
from margincall.history.files import files_of
from margincall.wire.claims import CLAIM, Attached, Claim, Disputed, decode, encode
from margincall.wire.durations import SECOND_MS

MANIFEST = "manifest.sha256"
EVIDENCE = "evidence"
SHORT, LONG, VERDICT = "ticket_short.txt", "ticket_long.txt", "verdict.md"
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
CHUNK = 1 << 20
SECRETS = re.compile(rb"X-MBX-APIKEY|listenKey|api_?(?:key|secret)|secret_?key|private[_ ]?key|signature=", re.I)
"""What stands beside a key, a signature or a session in a file: such a file is not copied."""
WITH_SECRET = "left out: it may hold a key or a session (it names one)"
REDACTED = "left out of a redacted bundle"
NOTHING_TOLD = Attached("", "", 0, REDACTED)
"""Not even a hash: what stands in a short file could be tried out."""


class Bundle(Struct, frozen=True):
    """The texts of a bundle by file name, and the claim that they are about."""

    claim: Claim
    texts: Mapping[str, bytes]


class Copy(Struct, frozen=True):
    """A file of evidence: where it is, as its events name it, and what the claim says of it. Without a place in the
    bundle it is not copied."""

    source: Path
    attached: Attached
    shown: str


@exact
def texts(
    answer: Answer,
    decided: Decided,
    copies: Sequence[Copy],
    *,
    reference: str = "",
    redact: bool = False,
    amounts: bool = False,
    market_store: bool = False,
) -> Bundle:
    """The texts of a bundle. `reference` is the account's number at the venue; `redact` masks ids, `amounts` also sizes
    and sums; `market_store` says that stored market data was used."""
    history = answer.explained.history
    places = {str(each.source): each.shown for each in copies}
    claim = claim_of(
        answer,
        decided,
        [each.attached for each in copies],
        reference=reference,
        places=places,
        redact=redact or amounts,
        market_store=market_store,
    )
    mask: Callable[[str], str] = str
    if redact or amounts:
        names = _names(answer, claim)
        claim = redacted_claim(claim, names, amounts=amounts)
        decided = redacted_decision(decided, names)
        history = redacted_history(history, names) if history is not None else None
        mask = names.masked
    lines = Lines(places)
    said = {
        SHORT: short_ticket(claim, sheets_of(claim, decided, history, lines)),
        LONG: long_ticket(claim, decided, history, lines),
        VERDICT: verdict_sheet(claim, decided, history, lines),
    }
    return Bundle(claim, {**{name: mask(text).encode() for name, text in said.items()}, CLAIM: encode(claim)})


def unwritten(
    answer: Answer,
    decided: Decided,
    *,
    reference: str = "",
    redact: bool = False,
    amounts: bool = False,
    market_store: bool = False,
) -> Claim:
    """The claim where nothing is written: what was concluded, and nothing disputed. The options as of `texts`."""
    bare = structs.replace(decided, matters=())
    claim = claim_of(answer, bare, (), reference=reference, market_store=market_store)
    if not redact and not amounts:
        return claim
    return redacted_claim(claim, _names(answer, claim), amounts=amounts)


def _names(answer: Answer, claim: Claim) -> Names:
    return Names(answer.explained.history, (claim.account, account_of(answer)))


def copies_of(
    paths: Sequence[Path], *, redact: bool = False, beside: int = 0, owners: Owners = NOBODY_ELSE
) -> list[Copy]:
    """The files that an answer was made from, each with its hash and its place in the bundle. A file that names a key
    or a session is left out, and so is one in which another account's rows stand; those of another account alone
    (`owners`) are not even named. `beside`: the files are those of the so-many-th other account."""
    folder = f"{BESIDE}/{beside}" if beside else EVIDENCE
    found: list[Copy] = []
    taken: set[str] = set()
    origins = {file: origin for path in paths for file, origin in _origins(path)}
    others, mixed = frozenset(owners.others), frozenset(owners.mixed)
    for number, file in enumerate((each for each in files_of(paths)[0] if each not in others), 1):
        digest, size, is_secret = _looked_at(file)
        place = f"{folder}/{file.name}"
        while place in taken:
            place = f"{folder}/{number}/{file.name}"
        left_out = WITH_SECRET if is_secret else REDACTED if redact else MIXED if file in mixed else ""
        if not left_out:
            taken.add(place)
        shown = f"{folder.replace('/', '-')}-{number}" if redact else place
        origin = "" if redact else origins.get(file.resolve(), "")
        told = Attached("" if left_out else place, digest, size, left_out, origin)
        found.append(Copy(file, NOTHING_TOLD if redact else told, shown))
    return found


def check_target(folder: Path) -> None:
    """Whether a bundle may be written there. Raises `UsageError` if something is there that no earlier run wrote."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder with --out")
    present = sorted(_present(folder))
    if present and present != sorted(_as_written(folder)):
        raise UsageError(f"{folder} holds something that no earlier dispute has written: name another with --out")


def is_same_case(old: Claim, new: Claim) -> bool:
    """Whether two claims are about the same case: no two accounts, one venue, and one thing that both dispute. Its
    order ids tell; where one of the claims names none, or names them otherwise for publishing, the second tells, since
    exports stamp no finer. What is equal to the last word is the same."""
    is_masked = old.redacted or new.redacted
    accounts = {each.account for each in (old, new) if each.account and not each.redacted}
    if len(accounts) > 1 or old.venue != new.venue:
        return False
    pairs = ((first, second) for first in old.disputed for second in new.disputed)
    return old == new or any(_is_same(first, second, by_order=not is_masked) for first, second in pairs)


def _is_same(first: Disputed, second: Disputed, *, by_order: bool) -> bool:
    if (first.subject, first.symbol, first.position_side) != (second.subject, second.symbol, second.position_side):
        return False
    if by_order and first.order_ids and second.order_ids:
        return not set(first.order_ids).isdisjoint(second.order_ids)
    seconds = [{time_ms // SECOND_MS for time_ms in each.times_ms} for each in (first, second)]
    return not seconds[0].isdisjoint(seconds[1]) or not any(seconds)


def _check_case(folder: Path, claim: Claim) -> None:
    """Raises `UsageError` if a bundle of another case is there, or one that hides what the new one shows: that folder
    may be public already, or about to be."""
    path = folder / CLAIM
    if not path.is_file():
        return
    old = decode(path.read_bytes(), str(path))
    if (old.redacted and not claim.redacted) or (old.redacted_amounts and not claim.redacted_amounts):
        how = "--redact-amounts" if old.redacted_amounts else "--redact"
        raise UsageError(
            f"{folder} holds a bundle that was redacted for publishing: name another folder with --out, or give {how} "
            "again"
        )
    if not is_same_case(old, claim):
        raise UsageError(
            f"{folder} holds the dispute of another case: name another folder with --out, or remove it first"
        )


def write(folder: Path, bundle: Bundle, copies: Sequence[Copy]) -> list[str]:
    """Write the bundle: whole, or nothing. The names of its files. Raises `UsageError` where it cannot be written or
    something else is there, another case's bundle among it, `Refused` if a file of evidence was changed since it was
    read."""
    check_target(folder)
    _check_case(folder, bundle.claim)
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        names = _fill(part, bundle, copies)
        _put(part, folder)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return names


def _fill(part: Path, bundle: Bundle, copies: Sequence[Copy]) -> list[str]:
    hashes: dict[str, str] = {}
    for name, data in bundle.texts.items():
        hashes[name] = _write(part / name, [data])
    for each in copies:
        if each.attached.path:
            hashes[each.attached.path] = _write(part / each.attached.path, _chunks(each.source))
            if hashes[each.attached.path] != each.attached.sha256:
                raise Refused(f"{each.source} was changed while it was read: nothing is written")
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    _write(part / MANIFEST, [lines.encode()])
    return [*hashes, MANIFEST]


def _put(part: Path, folder: Path) -> None:
    """Move a written folder to its place; an older one is moved aside first, and removed last."""
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    if folder.exists():
        folder.replace(old)
    try:
        part.replace(folder)
    except OSError:
        if old.exists():
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def read_bundle(folder: Path) -> Iterator[str]:
    """What of a bundle is not as its manifest says: changed, missing, or not listed. Raises `UsageError` without a
    manifest."""
    listed = _listed(folder)
    if not listed:
        raise UsageError(f"{folder} is no dispute bundle: there is no {MANIFEST} in it")
    for name, digest in listed.items():
        if not (folder / name).is_file():
            yield f"{name} is missing"
        elif _looked_at(folder / name)[0] != digest:
            yield f"{name} was changed"
    yield from (f"{name} is not listed" for name in sorted(_present(folder)) if name not in {*listed, MANIFEST})


def _as_written(folder: Path) -> Iterator[str]:
    """The files that an earlier run wrote and that are as it wrote them."""
    listed = _listed(folder)
    if listed:
        yield MANIFEST
    for name, digest in listed.items():
        if (folder / name).is_file() and _looked_at(folder / name)[0] == digest:
            yield name


def _listed(folder: Path) -> dict[str, str]:
    """The hashes of the manifest, by name; empty if it is none of ours."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    found = [LINE.fullmatch(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    names = {each[2]: each[1] for each in found if each is not None}
    is_ours = len(names) == len(found) and CLAIM in names
    return names if is_ours else {}


def _present(folder: Path) -> Iterator[str]:
    for found in folder.rglob("*"):
        if found.is_symlink() or not found.is_dir():
            yield found.relative_to(folder).as_posix()


def _origins(path: Path) -> Iterator[tuple[Path, str]]:
    """Where the files of a case folder came from."""
    for each in (path, *path.resolve().parents):
        if is_case(each):
            for _, file in read_manifest(each).files:
                yield (each / file.path).resolve(), file.origin


def _looked_at(path: Path) -> tuple[str, int, bool]:
    """SHA-256 and size of a file, and whether it names a key or a session."""
    digest, size, is_secret = hashlib.sha256(), 0, False
    end = b""
    for chunk in _chunks(path):
        digest.update(chunk)
        size += len(chunk)
        is_secret = is_secret or SECRETS.search(end + chunk) is not None
        end = chunk[-32:]
    return digest.hexdigest(), size, is_secret


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _write(path: Path, chunks: Iterator[bytes] | Sequence[bytes]) -> str:
    """Write a file down to the disk; its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
