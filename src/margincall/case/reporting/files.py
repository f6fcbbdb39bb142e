"""Where a report is written, and what it never overwrites: a file that no report has written."""

from pathlib import Path

from margincall.errors import UsageError

WRITTEN_BY = b"margincall report"
"""Stands in every page and every PDF that a report writes: its generator, its author."""


def page_and_paper(
    out: Path | None, pdf: Path | None, *, no_pdf: bool, as_json: bool, default: Path
) -> tuple[Path | None, Path | None]:
    """The page and the PDF to write. Whoever asks for JSON gets the files that are named, and no others; else the page
    has a default name, and the PDF the page's with another ending."""
    if pdf is not None and no_pdf:
        raise UsageError("--pdf and --no-pdf: choose one")
    if as_json:
        return out, pdf
    page = out or (default if pdf is None else None)
    paper = pdf or (page.with_suffix(".pdf") if page is not None and not no_pdf else None)
    if page is not None and paper is not None and page == paper:
        raise UsageError(f"{page}: the page and the PDF need two names")
    return page, paper


def check_free(path: Path, *, force: bool) -> None:
    """Raises `UsageError` if the file is there and no report has written it, or if its folder is not there."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path}: no such folder" if not path.is_dir() else f"{path} is a folder")
    if path.exists() and not force and WRITTEN_BY not in path.read_bytes():
        raise UsageError(f"{path} is there, and no report has written it: choose another name, or --force")


def write(path: Path, content: bytes) -> None:
    """Write a file. Raises `UsageError` where that is not possible."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
