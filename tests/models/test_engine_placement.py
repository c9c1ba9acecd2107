from dataclasses import replace
from pathlib import Path

import pytest

from m2agent.errors import SetupError
from m2agent_models.engine.gguf import Header, Tensor
from m2agent_models.engine.machine import Machine
from m2agent_models.engine.placement import Plan, Wishes, cache_values, plan, wishes

GB = 1_000_000_000
DESKTOP = Machine(128 * GB, 16, "RTX 4090", 24 * GB)
RIG = Machine(128 * GB, 32, "6 x RTX 3090", 144 * GB)
MAC = Machine(192 * GB, 24, "Apple M3 Ultra", 144 * GB, unified=True)
LAPTOP = Machine(16 * GB, 8)


def m2(gigabytes: float, down: int = 23) -> Header:
    """The header of a MiniMax-M2 of this size, with its real shape."""
    dense, experts = 50_000_000, int((gigabytes - 5) * GB / 62)
    tensors = [Tensor("token_embd.weight", 8, GB), Tensor("output.weight", 8, GB)]
    for layer in range(62):
        tensors.append(Tensor(f"blk.{layer}.attn_q.weight", 8, dense))
        tensors.append(Tensor(f"blk.{layer}.ffn_down_exps.weight", down, experts))
    keys = {
        "general.architecture": "minimax-m2",
        "minimax-m2.block_count": 62,
        "minimax-m2.context_length": 196_608,
        "minimax-m2.embedding_length": 3072,
        "minimax-m2.attention.head_count": 48,
        "minimax-m2.attention.head_count_kv": 8,
        "minimax-m2.attention.key_length": 128,
        "minimax-m2.attention.value_length": 128,
    }
    return Header(Path("m2.gguf"), (Path("m2.gguf"),), keys, tuple(tensors))


def place(header: Header, machine: Machine, **wish: object) -> Plan:
    return plan(header, machine, wishes(wish), offload=bool(machine.gpu))


def test_the_cache_of_m2_holds_what_its_config_says() -> None:
    assert cache_values(m2(108)) == 126_976


def test_what_fits_goes_onto_the_gpu_whole() -> None:
    placed = place(m2(70), RIG)
    assert (placed.gpu_layers, placed.cpu_moe, placed.context) == (63, 0, 131_072)
    assert placed.cache == "f16"


def test_of_a_large_card_no_more_is_left_than_of_a_small_one() -> None:
    assert place(m2(140), Machine(135 * GB, 16, "H200", 151 * GB)).whole
    assert not place(m2(140), Machine(135 * GB, 16, "6 x A", 151 * GB, cards=6)).whole


def test_experts_stay_in_main_memory_before_any_layer_does() -> None:
    placed = place(m2(108), DESKTOP)
    assert not placed.whole
    assert placed.gpu_layers == 63
    assert 0 < placed.cpu_moe <= 62
    assert f"experts of the first {placed.cpu_moe} in main memory" in placed.why


def test_with_the_experts_away_all_that_is_planned_fits_the_card() -> None:
    placed = place(m2(108), DESKTOP)
    kept = 62 - placed.cpu_moe
    bytes_a_value = {"f16": 2, "q8_0": 34 / 32, "q4_0": 18 / 32}[placed.cache]
    used = 5.1 * GB + kept * (103 * GB / 62) + 126_976 * bytes_a_value * placed.context
    assert used < 24 * GB


def test_a_smaller_context_is_chosen_before_layers_leave_the_gpu() -> None:
    assert place(m2(108), DESKTOP).context == 98_304
    small = place(m2(108), replace(DESKTOP, gpu_memory=12 * GB))
    assert (small.context, small.cpu_moe) == (32_768, 62)
    assert 30 < small.gpu_layers < 63


def test_a_model_larger_than_everything_is_refused_before_it_is_loaded() -> None:
    with pytest.raises(SetupError, match=r"243\.\d GB of weights"):
        place(m2(243), DESKTOP)
    with pytest.raises(SetupError, match="m2agent models"):
        place(m2(70), LAPTOP)


def test_unified_memory_is_counted_once() -> None:
    assert place(m2(108), MAC).gpu_layers == 63
    with pytest.raises(SetupError):
        place(m2(188), MAC)


def test_what_other_programs_have_of_the_gpu_is_theirs() -> None:
    alone = place(m2(108), replace(DESKTOP, gpu_free=24 * GB))
    beside = place(m2(108), replace(DESKTOP, gpu_free=18 * GB))
    assert beside.cpu_moe > alone.cpu_moe or beside.context < alone.context
    assert "Other programs have 6.0 GB of the GPU" in beside.why
    assert "Other programs" not in alone.why


def test_a_context_has_to_find_a_place_beside_other_programs() -> None:
    alone = place(m2(5), replace(LAPTOP, free=15 * GB))
    beside = place(m2(5), replace(LAPTOP, free=7 * GB))
    assert beside.context < alone.context
    assert "Only" not in alone.why
    assert "Only 7.0 GB of memory are free" in beside.why
    with pytest.raises(SetupError, match=r"(?s)context take 4.4 GB.*1.0 GB of its.*Close other"):
        place(m2(5), replace(LAPTOP, free=GB), context=32_768)


def test_experts_in_main_memory_that_is_not_free_are_told_of() -> None:
    assert "Only" not in place(m2(108), replace(DESKTOP, free=120 * GB)).why
    assert "Only 60.0 GB" in place(m2(108), replace(DESKTOP, free=60 * GB)).why


def test_a_prompt_is_read_in_longer_stretches_where_experts_have_to_cross() -> None:
    assert place(m2(108), DESKTOP).ubatch == 2048
    assert place(m2(70), RIG).ubatch == 512


def test_every_number_can_be_set() -> None:
    placed = place(
        m2(70), RIG, context=8192, gpu_layers=40, cpu_moe=30, cache="q4_0", threads=3, ubatch=64
    )
    assert (placed.context, placed.gpu_layers, placed.cpu_moe) == (8192, 40, 30)
    assert (placed.cache, placed.threads, placed.ubatch) == ("q4_0", 3, 64)


def test_layers_for_a_gpu_that_is_not_there_are_refused() -> None:
    with pytest.raises(SetupError, match="no GPU"):
        plan(m2(1), LAPTOP, Wishes(gpu_layers=10), offload=False)


def test_a_library_without_the_gpu_is_told_of() -> None:
    assert "built without the GPU" in plan(m2(70), DESKTOP, Wishes(), offload=False).why


def test_a_quantization_that_is_bad_on_nvidia_cards_is_warned_of() -> None:
    assert "known to compute nonsense" in place(m2(70, down=12), RIG).why
    assert "known to compute nonsense" not in place(m2(70), RIG).why


@pytest.mark.parametrize(
    "wrong",
    [{"context": 0}, {"threads": -1}, {"sequences": 256}, {"idle": -1.0}, {"gpu_layers": -1}],
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SetupError, match=f"{next(iter(wrong))} in .* is wrong: expected"):
        wishes(wrong)


def test_wishes_say_which_key_is_wrong() -> None:
    with pytest.raises(SetupError, match=r"cache in \[engine\] of the configuration is wrong"):
        wishes({"cache": "f8"})
    with pytest.raises(SetupError, match=r"(?s)no key 'contxt'.*Did you mean 'context'"):
        wishes({"contxt": 5})
    with pytest.raises(SetupError, match=r"(?s)no key 'zzz'.*doctor --settings"):
        wishes({"zzz": 5})
