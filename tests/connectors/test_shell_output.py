"""What a program prints, as the model is shown it."""

import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from m2agent_connectors.shell.output import Output, Shown, visible


def shown(*pieces: bytes, file: Path | None = None) -> Shown:
    output = Output(file)
    for piece in pieces:
        output.feed(piece)
    return output.close()


def test_colours_titles_and_control_characters_are_not_shown() -> None:
    link = "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"
    text = f"\x1b[1;31mred\x1b[0m \x1b]0;title\x07a {link} \x00\x9b\u202e."
    assert visible(text) == "red a link ."


def test_of_a_progress_bar_only_its_last_state_is_shown() -> None:
    assert shown(b" 10%\r 50%\r", b"100%\n", b"done\r\n") == Shown("100%\ndone\n", 2)


def test_letters_that_are_struck_twice_are_shown_once() -> None:
    assert visible("N\bNA\bAM\bME\bE") == "NAME"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert shown(b"a\xff\xfeb\xc3", b"\xa9\n") == Shown("a\ufffd\ufffdb\u00e9\n", 1)


def test_a_long_output_is_shown_by_its_ends_and_kept_in_a_file(tmp_path: Path) -> None:
    lines = [f"line {number}\n".encode() for number in range(10_000)]
    kept = shown(*lines, file=tmp_path / "all")
    assert kept.lines == 10_000
    assert kept.file == tmp_path / "all"
    assert (tmp_path / "all").read_bytes() == b"".join(lines)
    assert kept.text.startswith("line 0\nline 1\n")
    assert kept.text.endswith("\nline 9998\nline 9999\n")
    assert len(kept.text) < 7_500
    left_out = int(kept.text.partition("[... ")[2].partition(" ")[0].replace(",", ""))
    assert left_out + len(kept.text.splitlines()) - 1 == 10_000


def test_a_short_output_needs_no_file(tmp_path: Path) -> None:
    assert shown(b"short", file=tmp_path / "all") == Shown("short", 1)
    assert not (tmp_path / "all").exists()


def test_a_flood_is_counted_and_neither_memory_nor_disk_hold_it(tmp_path: Path) -> None:
    output = Output(tmp_path / "all")
    block = b"0123456789abcde\n" * 65_536
    for _ in range(200):
        output.feed(block)
    kept = output.close()
    assert kept.lines == 200 * 65_536
    assert len(kept.text) < 7_500
    assert (tmp_path / "all").stat().st_size <= 66 * 2**20


def test_a_file_that_cannot_be_written_costs_the_middle_and_no_more(tmp_path: Path) -> None:
    kept = shown(*[b"x" * 999 + b"\n"] * 100, file=tmp_path / "missing" / "all")
    assert (kept.lines, kept.file) == (100, None)
    assert kept.text.startswith("xxx") and kept.text.endswith("xxx\n")


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_how_the_bytes_arrive_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    ends = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(ends)]
    assert shown(*pieces) == shown(data)


@given(st.binary(max_size=300))
def test_nothing_that_is_shown_can_steer_a_screen(data: bytes) -> None:
    text = shown(data).text
    assert all(char.isprintable() or char in "\n\t" or ord(char) > 0xFF for char in text)
