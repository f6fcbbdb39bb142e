"""Where a key may come from, that it never shows itself, and which keys are refused."""

import copy
import json
import pickle
from pathlib import Path

import pytest

from margincall.case.keys import (
    MAY_ACT,
    UNKNOWN,
    Credentials,
    from_environment,
    from_file,
    from_keyring,
    permissions,
    refusal,
)
from margincall.errors import Refused, UsageError
from tests.recorded.server import KEY, READ_ONLY, SECRET


def test_neither_key_nor_secret_has_a_text_form() -> None:
    """Not in repr, str, format, a traceback's f-string, nor in its attributes' names."""
    found = Credentials(KEY, SECRET)
    for text in (repr(found), str(found), f"{found}", f"{found!r}", f"{[found]}"):
        assert KEY not in text
        assert SECRET not in text
    assert not hasattr(found, "__dict__")


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_they_cannot_be_copied(copied: object) -> None:
    """A pickle is a file sooner or later."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        copied(Credentials(KEY, SECRET))  # type: ignore[operator]


def test_the_environment_gives_a_key_or_says_what_is_missing() -> None:
    """Both variables."""
    found = from_environment({"MARGINCALL_API_KEY": KEY + "\n", "MARGINCALL_API_SECRET": SECRET})
    assert found.header() == {"X-MBX-APIKEY": KEY}
    with pytest.raises(UsageError, match="MARGINCALL_API_SECRET") as caught:
        from_environment({"MARGINCALL_API_KEY": KEY})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """0600 is asked for; the message tells what to do, and not the key."""
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n{SECRET}\n")
    path.chmod(mode)
    with pytest.raises(Refused, match="chmod 600") as caught:
        from_file(path)
    assert KEY not in str(caught.value)
    path.chmod(0o600)
    assert from_file(path).header() == {"X-MBX-APIKEY": KEY}


@pytest.mark.parametrize("text", ["", KEY, f"{KEY} {SECRET} more", "kéy sécret", f"{KEY}\x00 {SECRET}"])
def test_a_file_of_anything_else_is_a_usage_error(tmp_path: Path, text: str) -> None:
    """Without showing what it holds."""
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(UsageError) as caught:
        from_file(path)
    assert KEY not in str(caught.value)


def test_the_keyring_is_asked_for_our_service() -> None:
    """Key and secret in one entry."""
    asked = []

    def password(service: str, name: str) -> str | None:
        asked.append((service, name))
        return f"{KEY} {SECRET}" if name == "main" else None

    assert from_keyring("main", password).header() == {"X-MBX-APIKEY": KEY}
    with pytest.raises(UsageError, match="keyring set margincall other"):
        from_keyring("other", password)
    assert asked == [("margincall", "main"), ("margincall", "other")]


def test_a_key_that_only_reads_is_taken() -> None:
    """All permissions but reading are off."""
    found = permissions(json.dumps(READ_ONLY).encode())
    assert found.acts == ()
    assert refusal(found) == ""


@pytest.mark.parametrize("permission", [*MAY_ACT, "enableSomethingNew", "permitsMore"])
def test_each_permission_to_act_is_refused(permission: str) -> None:
    """Also one that the venue adds later."""
    found = permissions(json.dumps({**READ_ONLY, permission: True}).encode())
    assert len(found.acts) == 1
    assert found.acts[0] in refusal(found)


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"enableReading":"true"}', b'{"enableReading":true}'])
def test_an_answer_that_says_nothing_counts_as_a_key_that_acts(answer: bytes) -> None:
    """Half an answer proves nothing."""
    assert permissions(answer) == UNKNOWN
    assert "could not be asked" in refusal(UNKNOWN)
