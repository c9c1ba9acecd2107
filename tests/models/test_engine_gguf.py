from pathlib import Path

import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m2agent.errors import SetupError
from m2agent_models.engine import gguf

PATIENT = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_header_says_what_the_model_is(tiny_m2: Path) -> None:
    header = gguf.read(tiny_m2)
    assert header.architecture == "minimax-m2"
    assert header.number("block_count") == 2
    assert header.number("attention.head_count_kv") == 2
    assert header.number("nothing.of.the.kind", 7) == 7
    assert "]~b]ai" in header.template
    assert [len(tensors) for _, tensors in gguf.layers(header)] == [13, 13]
    assert header.bytes < tiny_m2.stat().st_size


def test_the_weights_of_a_real_file_are_counted_to_the_byte() -> None:
    path = tiny.smollm2()
    header = gguf.read(path)
    assert header.bytes == 96_576_768
    assert len(header.tensors) == 272


@PATIENT
@given(length=st.integers(0, 30_000))
def test_a_file_cut_anywhere_is_named(tmp_path: Path, tiny_m2: Path, length: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_m2.read_bytes()[:length])
    with pytest.raises(SetupError):
        gguf.read(path)


@PATIENT
@given(at=st.integers(0, 12_000), value=st.integers(0, 255))
def test_a_damaged_file_is_read_or_named_and_never_more(
    tmp_path: Path, tiny_m2: Path, at: int, value: int
) -> None:
    data = bytearray(tiny_m2.read_bytes())
    data[at] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    try:
        gguf.read(path)
    except SetupError as error:
        assert str(path) in error.problem


def test_all_parts_of_a_model_have_to_lie_side_by_side(tmp_path: Path, tiny_m2: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(tiny_m2.read_bytes())
    with pytest.raises(SetupError, match=r"m-00002-of-00002\.gguf is missing"):
        gguf.read(first)
    second = tmp_path / "m-00002-of-00002.gguf"
    second.write_bytes(tiny_m2.read_bytes())
    assert gguf.read(first).files == (first, second)
    with pytest.raises(SetupError, match=rf"part 2 of 2\.\nName the first part: {first}"):
        gguf.read(second)
