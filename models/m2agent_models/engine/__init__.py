"""The engine: one process a model file, in which llama.cpp runs for every m2agent of a person."""

from array import array
from typing import TypeAlias

Tokens: TypeAlias = "array[int]"
"""Token ids, 32 bits each."""

__all__ = ["Tokens"]
