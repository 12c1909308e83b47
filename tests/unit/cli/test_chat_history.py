"""The history file of chats: private, bounded, and forgiving."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from entrypoints.cli.chat_history import KEPT_ENTRIES, LONGEST_ENTRY, ChatHistory


def test_entries_come_back_as_they_were_typed(tmp_path: Path) -> None:
    history = ChatHistory(tmp_path / "state" / "chat_history")
    typed = ["plain", "two\nlines", "ünï \\n 👩‍💻", "half \udcff", '"quoted"']
    for entry in typed:
        history.add(entry)
    assert ChatHistory(tmp_path / "state" / "chat_history").entries() == typed


def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "chat_history"
    ChatHistory(path).add("secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    ChatHistory(path).add("more")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_is_an_empty_history_and_none_is_made(tmp_path: Path) -> None:
    assert ChatHistory(tmp_path / "no" / "chat_history").entries() == []
    assert list(tmp_path.iterdir()) == []


def test_lines_that_are_no_entries_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_bytes(b'"one"\nrubbish\n7\n\xff\n"zero \\u0000 byte"\n"two"\n"cut sho')
    assert ChatHistory(path).entries() == ["one", "two"]


def test_it_is_bounded_and_stays_private_when_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_text("".join(f'"{at}"\n' for at in range(2 * KEPT_ENTRIES)))
    kept = ChatHistory(path).entries()
    assert kept == [str(at) for at in range(KEPT_ENTRIES, 2 * KEPT_ENTRIES)]
    assert len(path.read_text().splitlines()) == KEPT_ENTRIES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["h"]
    assert ChatHistory(path).entries() == kept


def test_what_is_too_long_is_not_kept(tmp_path: Path) -> None:
    history = ChatHistory(tmp_path / "h")
    history.add("x" * (LONGEST_ENTRY + 1))
    assert history.entries() == []


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(FileExistsError):
        ChatHistory(tmp_path / "state" / "h").add("x")
