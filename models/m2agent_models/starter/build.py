"""Puts the starter together: the public weights, the renamed tokens, the adapter merged in.

The adapter holds two thin matrices for each group of weights, whose product is added to them, and
the rows of the renamed tokens. The result is a GGUF in Q8_0 like any other.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from m2agent.errors import SetupError
from m2agent_models.engine.gguf import TOOLS_KEY
from m2agent_models.engine.gguf import read as header
from m2agent_models.starter import adapter as kept
from m2agent_models.starter.vocabulary import END_ID, MARKERS, ROWS, START_ID
from m2agent_models.tiny import TEMPLATE

NAME = "m2agent starter"

GROUPS: dict[str, tuple[tuple[str, int], ...]] = {
    "attn_qkv": (("attn_q", 576), ("attn_k", 192), ("attn_v", 192)),
    "attn_output": (("attn_output", 576),),
    "ffn_gate_up": (("ffn_gate", 1536), ("ffn_up", 1536)),
    "ffn_down": (("ffn_down", 576),),
}
"""The weights that share a pair of thin matrices, with their numbers of rows, in order."""

ADAPTER_KEY = "m2agent.adapter"
"""Says which adapter was merged in."""

_TOKENS = "tokenizer.ggml.tokens"
_TYPES = "tokenizer.ggml.token_type"
_CHANGED = {
    "general.name": NAME,
    "tokenizer.ggml.bos_token_id": START_ID,
    "tokenizer.ggml.eos_token_id": END_ID,
    "tokenizer.ggml.padding_token_id": END_ID,
    "tokenizer.chat_template": TEMPLATE.strip(),
    "general.file_type": 7,
}


def build(base: Path, adapter: Mapping[str, Any], target: Path) -> Path:
    """Write the starter to `target`, whole or not at all. An empty adapter changes no weights."""
    import gguf
    from gguf.quants import dequantize, quantize

    source = gguf.GGUFReader(base)
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    out = gguf.GGUFWriter(scratch, "llama")
    for name, value, kind, item in _keys(source):
        out.add_key_value(name, value, kind, item)
    out.add_string(TOOLS_KEY, "brief")
    if adapter:
        out.add_string(ADAPTER_KEY, kept.digest())
    q8 = gguf.GGMLQuantizationType.Q8_0
    merged = {name for group in GROUPS.values() for name, _ in group}
    for tensor in source.tensors:
        data = dequantize(tensor.data, tensor.tensor_type)
        layer, _, kind = tensor.name.removeprefix("blk.").removesuffix(".weight").partition(".")
        if tensor.name == "token_embd.weight" and "rows" in adapter:
            data = data.copy()
            data[:ROWS] = adapter["rows"]
        elif kind in merged:
            data = data + _delta(adapter, layer, kind)
        if kind in merged or tensor.name == "token_embd.weight":
            out.add_tensor(tensor.name, quantize(data, q8), raw_dtype=q8)
        else:
            out.add_tensor(tensor.name, data)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return scratch.replace(target)


def is_current(path: Path) -> bool:
    """Whether it is a starter with the adapter that ships now."""
    try:
        return header(path).keys.get(ADAPTER_KEY) == kept.digest()
    except SetupError:
        return False


def _delta(adapter: Mapping[str, Any], layer: str, kind: str) -> Any:
    for group, parts in GROUPS.items():
        start = 0
        for name, count in parts:
            if name == kind:
                a = adapter.get(f"{layer}.{group}.a")
                if a is None:
                    return 0.0
                b = adapter[f"{layer}.{group}.b"][start : start + count]
                return b.astype("float32") @ a.astype("float32")
            start += count
    raise AssertionError(kind)


def _keys(source: Any) -> Iterator[tuple[str, Any, Any, Any]]:
    """Every key of the source, with the tokens renamed and what follows from that."""
    import gguf

    for name, field in source.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value: Any = _CHANGED.get(name, field.contents())
        if name in (_TOKENS, _TYPES):
            value = list(value)
            for id, (text, token_type) in MARKERS.items():
                value[id] = text if name == _TOKENS else token_type
        kind, *items = field.types
        yield name, value, kind, items[-1] if kind == gguf.GGUFValueType.ARRAY else None
