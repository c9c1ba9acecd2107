"""How each provider is reached, and how it takes a model's earlier thinking back.

thinking_blocks     blocks with signatures, as Anthropic has them
reasoning_details   a list of details, each as it came (MiniMax with reasoning_split, OpenRouter)
reasoning_items     items of the Responses interface, their content encrypted (OpenAI)
signatures          text, and a signature on each call (Gemini)
reasoning_content   one field of text (Ollama, DeepSeek, and servers like them)
inline              <think>…</think> in the content
"""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from m2agent.errors import UsageError

Form = Literal[
    "thinking_blocks",
    "reasoning_details",
    "reasoning_items",
    "signatures",
    "reasoning_content",
    "inline",
]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True)
class Provider:
    """`prefix` is litellm's; `key` the variable that holds a key, "" where none is needed."""

    prefix: str
    form: Form
    key: str = ""
    base: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


_INTERLEAVED = {"anthropic-beta": "interleaved-thinking-2025-05-14"}

PROVIDERS: dict[str, Provider] = {
    "minimax": Provider(
        "minimax",
        "reasoning_details",
        "MINIMAX_API_KEY",
        "https://api.minimax.io/v1",
        {"extra_body": {"reasoning_split": True}},
    ),
    # Its own Anthropic interface.
    "minimax-anthropic": Provider(
        "anthropic",
        "thinking_blocks",
        "MINIMAX_API_KEY",
        "https://api.minimax.io/anthropic",
    ),
    "openrouter": Provider(
        "openrouter",
        "reasoning_details",
        "OPENROUTER_API_KEY",
        extra={"extra_body": {"reasoning": {"enabled": True}, "usage": {"include": True}}},
    ),
    "anthropic": Provider(
        "anthropic",
        "thinking_blocks",
        "ANTHROPIC_API_KEY",
        extra={"reasoning_effort": "medium", "extra_headers": _INTERLEAVED},
    ),
    "openai": Provider(
        "openai/responses",
        "reasoning_items",
        "OPENAI_API_KEY",
        extra={
            "reasoning_effort": "medium",
            "store": False,
            "include": ["reasoning.encrypted_content"],
        },
    ),
    "gemini": Provider(
        "gemini", "signatures", "GEMINI_API_KEY", extra={"reasoning_effort": "medium"}
    ),
    "ollama": Provider(
        "ollama_chat", "reasoning_content", base="http://127.0.0.1:11434", extra={"think": True}
    ),
    "deepseek": Provider("deepseek", "reasoning_content", "DEEPSEEK_API_KEY"),
}


def named(rest: str) -> tuple[str, Provider, str]:
    """The provider's name, the provider, and the model's name. Raises UsageError."""
    name, slash, model = rest.partition("/")
    if not (name and slash and model):
        raise UsageError(
            f"{rest!r} names no hosted model. Write --model remote:PROVIDER/MODEL, with one of "
            f"{', '.join(PROVIDERS)}, or another that litellm knows."
        )
    known = PROVIDERS.get(name)
    other = Provider(name, "reasoning_content", f"{name.upper().replace('-', '_')}_API_KEY")
    return name, known or other, model
