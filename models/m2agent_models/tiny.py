"""A MiniMax-M2 of half a megabyte with random weights: real files, tokens and cache in no time.

It has M2's architecture, its markers under M2's own token types and its chat template, so the
self-test and the tests run through the same llama.cpp code as the real model. What it writes is
printable nonsense that never ends and never opens a call, unless `likely` says so.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

CONTROL, USER_DEFINED = 3, 4
_NORMAL = 1

MARKERS: dict[str, int] = {
    "]~!b[": CONTROL,
    "]~b]": CONTROL,
    "[e~[": CONTROL,
    "]!d~[": CONTROL,
    "]!p~[": CONTROL,
    "<fim_prefix>": CONTROL,
    "<fim_middle>": CONTROL,
    "<fim_suffix>": CONTROL,
    "<fim_pad>": CONTROL,
    "<think>": USER_DEFINED,
    "</think>": USER_DEFINED,
    "<minimax:tool_call>": USER_DEFINED,
    "</minimax:tool_call>": USER_DEFINED,
}

TEMPLATE = r"""
{%- set ns = namespace(user=-1) -%}
{%- set first = messages[0] if messages and messages[0].role == 'system' else none -%}
{%- set rest = messages[1:] if first else messages -%}
{%- for m in rest if m.role == 'user' -%}{%- set ns.user = rest.index(m) -%}{%- endfor -%}
{{- ']~!b[]~b]system\n' ~ (first.content if first else 'You are a helpful assistant.') -}}
{%- if tools -%}
{{- '\n\n# Tools\nYou may call one or more tools to assist with the user query.\n' -}}
{{- 'Here are the tools available in JSONSchema format:\n\n<tools>\n' -}}
{%- for tool in tools -%}
{{- '<tool>' ~ (tool.function | tojson(ensure_ascii=False)) ~ '</tool>\n' -}}
{%- endfor -%}
{{- '</tools>\n\nWhen making tool calls, use XML format to invoke tools and pass parameters:\n' -}}
{{- '\n<minimax:tool_call>\n<invoke name="tool-name-1">\n' -}}
{{- '<parameter name="param-key-1">param-value-1</parameter>\n' -}}
{{- '<parameter name="param-key-2">param-value-2</parameter>\n...\n</invoke>\n' -}}
{{- '</minimax:tool_call>' -}}
{%- endif -%}
{{- '[e~[\n' -}}
{%- for m in rest -%}
{%- if m.role == 'user' -%}
{{- ']~b]user\n' ~ m.content ~ '[e~[\n' -}}
{%- elif m.role == 'tool' -%}
{%- if loop.first or rest[loop.index0 - 1].role != 'tool' -%}{{- ']~b]tool' -}}{%- endif -%}
{{- '\n<response>' ~ m.content ~ '</response>' -}}
{%- if loop.last or rest[loop.index0 + 1].role != 'tool' -%}{{- '[e~[\n' -}}{%- endif -%}
{%- else -%}
{{- ']~b]ai\n' -}}
{%- if m.reasoning_content and loop.index0 > ns.user -%}
{{- '<think>\n' ~ m.reasoning_content ~ '\n</think>\n\n' -}}
{%- endif -%}
{{- m.content or '' -}}
{%- if m.tool_calls -%}
{{- '\n<minimax:tool_call>\n' -}}
{%- for call in m.tool_calls -%}
{{- '<invoke name="' ~ call.function.name ~ '">\n' -}}
{%- for key, value in call.function.arguments.items() -%}
{{- '<parameter name="' ~ key ~ '">' -}}
{{- (value if value is string else value | tojson(ensure_ascii=False)) ~ '</parameter>\n' -}}
{%- endfor -%}
{{- '</invoke>\n' -}}
{%- endfor -%}
{{- '</minimax:tool_call>' -}}
{%- endif -%}
{{- '[e~[\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- ']~b]ai\n<think>\n' -}}{%- endif -%}
"""

_CORPUS = """
The invoice from the supplier does not add up: the total is wrong and the mail says so. Search the
mails of this week, read each one, check the sums with a script and draft a reply for the wrong
ones. <invoke name="mail_search"> <parameter name="query"> </parameter> </invoke> Then write the
rows into the table, note what was found, and say in the end what was done and what is still open.
"""


@dataclass(frozen=True)
class Shape:
    """How large the model is; `chosen` of its experts work on each token."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    head: int = 16
    experts: int = 4
    chosen: int = 2
    expert_width: int = 32


_SHAPE = Shape()
_WIDTH = _SHAPE.width
_MERGES = 136
_SHUT = -30.0


def write(
    path: Path,
    *,
    vocab: int = 0,
    likely: Mapping[str, float] | None = None,
    context: int = 196_608,
    seed: int = 0,
) -> Path:
    """Write the model to `path`, whole or not at all, and return the path.

    `vocab` pads the vocabulary (M2's has 200,064 tokens). `likely` gives markers a bias at every
    step: 0 makes one as likely as any letter, 5 makes it come within a few tokens.
    """
    import numpy as np

    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    file, ids, size = begin(scratch, _SHAPE, vocab=vocab, context=context)
    random = np.random.default_rng(seed)

    def weights(*shape: int, scale: float = 0.1) -> Any:
        return (random.standard_normal(shape, dtype=np.float32) * scale).astype(np.float32)

    # The first channel carries a one from the embedding to the output, untouched by the layers:
    # that makes the first column of the output matrix a bias, by which markers are shut or opened.
    embedding = weights(size, _WIDTH, scale=1.0)
    embedding[:, 0] = 3.0
    output = weights(size, _WIDTH, scale=0.5)
    output[:, 0] = _SHUT
    for token, i in ids.items():
        if token not in MARKERS and all("!" <= char <= "~" or char == "\u0120" for char in token):
            output[i, 0] = 0.0
    for marker, bias in (likely or {}).items():
        output[ids[marker], 0] = bias

    file.add_tensor("token_embd.weight", embedding.astype(np.float16))
    file.add_tensor("output.weight", output.astype(np.float16))
    file.add_tensor("output_norm.weight", np.ones(_WIDTH, np.float32))
    for layer in range(_SHAPE.layers):
        for name, tensor in _layer(weights, np.ones):
            file.add_tensor(f"blk.{layer}.{name}", tensor)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return scratch.replace(path)


def begin(
    path: Path, shape: Shape, *, vocab: int = 0, context: int = 196_608
) -> tuple[Any, dict[str, int], int]:
    """A file with M2's keys and its vocabulary, which tensors are added to.

    Returns it with the ids of the tokens that mean something, and the vocabulary's size.
    """
    import gguf

    tokens, merges = _vocabulary()
    types = [_NORMAL] * len(tokens) + list(MARKERS.values())
    tokens += MARKERS
    size = max(vocab, len(tokens))
    types += [_NORMAL] * (size - len(tokens))
    ids = {token: i for i, token in enumerate(tokens)}
    tokens += [f"<word_{i}>" for i in range(size - len(tokens))]

    file = gguf.GGUFWriter(path, "minimax-m2")
    file.add_name("tiny MiniMax-M2")
    file.add_block_count(shape.layers)
    file.add_context_length(context)
    file.add_embedding_length(shape.width)
    file.add_feed_forward_length(shape.expert_width)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.kv_heads)
    file.add_key_length(shape.head)
    file.add_value_length(shape.head)
    file.add_layer_norm_rms_eps(1e-6)
    file.add_rope_freq_base(5e6)
    file.add_rope_dimension_count(shape.head // 2)
    file.add_expert_count(shape.experts)
    file.add_expert_used_count(shape.chosen)
    file.add_expert_feed_forward_length(shape.expert_width)
    file.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("minimax-m2")
    file.add_token_list(tokens)
    file.add_token_types(types)
    file.add_token_merges(merges)
    file.add_bos_token_id(ids["]~!b["])
    file.add_eos_token_id(ids["[e~["])
    file.add_unk_token_id(ids["]!d~["])
    file.add_add_bos_token(False)
    file.add_chat_template(TEMPLATE.strip())
    return file, ids, size


def _layer(weights: Any, ones: Any) -> Iterator[tuple[str, Any]]:
    query, key = _SHAPE.heads * _SHAPE.head, _SHAPE.kv_heads * _SHAPE.head
    experts, inner = _SHAPE.experts, _SHAPE.expert_width
    yield "attn_norm.weight", ones(_WIDTH, "float32")
    yield "attn_q.weight", weights(query, _WIDTH)
    yield "attn_k.weight", weights(key, _WIDTH)
    yield "attn_v.weight", weights(key, _WIDTH)
    out = weights(_WIDTH, query)
    out[0] = 0.0
    yield "attn_output.weight", out
    yield "attn_q_norm.weight", ones(query, "float32")
    yield "attn_k_norm.weight", ones(key, "float32")
    yield "ffn_norm.weight", ones(_WIDTH, "float32")
    yield "ffn_gate_inp.weight", weights(experts, _WIDTH)
    yield "exp_probs_b.bias", weights(experts)
    yield "ffn_gate_exps.weight", weights(experts, inner, _WIDTH)
    yield "ffn_up_exps.weight", weights(experts, inner, _WIDTH)
    down = weights(experts, _WIDTH, inner)
    down[:, 0] = 0.0
    yield "ffn_down_exps.weight", down


def _vocabulary() -> tuple[list[str], list[str]]:
    """GPT-2's 256 byte tokens, and merges learnt from a page of text."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    tokens = [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]
    words = Counter(tuple("\u0120" + word) for word in _CORPUS.split())
    merges: list[str] = []
    for _ in range(_MERGES):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(f"{left} {right}")
        tokens.append(left + right)
        words = Counter({_merged(word, left, right): count for word, count in words.items()})
    return tokens, merges


def _merged(word: tuple[str, ...], left: str, right: str) -> tuple[str, ...]:
    out: list[str] = []
    for part in word:
        if out and out[-1] == left and part == right:
            out[-1] = left + right
        else:
            out.append(part)
    return tuple(out)
