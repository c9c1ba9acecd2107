"""llama.cpp through ctypes: the only module that touches it.

The low-level API of llama-cpp-python shifts between releases without notice, so exactly the
releases whose structures were checked are taken.
"""

import atexit
import ctypes
import importlib
import importlib.util
import os
import re
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from m2agent.errors import ModelError, SetupError
from m2agent_models.engine import Tokens
from m2agent_models.engine.lookup import GUESSES
from m2agent_models.engine.placement import Plan

CHECKED = "0.3.36"
INSTALL = (
    "pip install 'm2agent[local]' "
    "--extra-index-url https://abetlen.github.io/llama-cpp-python/whl/cpu"
)

ABORTED, NO_ROOM = 2, 1
_UNIFIED_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}
_FLASH_ON = 1
_CONTROL, _USER_DEFINED = 1 << 3, 1 << 4
_FOR_AUTHORS, _GOES_ON = 1, 5
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"


def installed() -> None:
    """Raises SetupError, with the command that helps, where llama-cpp-python is not as needed."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise SetupError("Local models need llama-cpp-python.", fix=f"Run: {INSTALL}")
    with suppress(PackageNotFoundError):
        _check(version("llama-cpp-python"))


def library() -> Any:
    """llama.cpp, of the one release this module was checked with. Raises SetupError."""
    installed()
    try:
        package: Any = importlib.import_module("llama_cpp")
    except (OSError, RuntimeError, FileNotFoundError) as error:
        raise SetupError(
            f"llama-cpp-python is installed and cannot be loaded: {error}.", fix=f"Run: {INSTALL}"
        ) from error
    _check(package.__version__)
    return package.llama_cpp


def _check(found: str) -> None:
    """Whether it is the one release; a build of one's own may add to its number."""
    if found.partition("+")[0] != CHECKED:
        raise SetupError(
            f"llama-cpp-python {found} is installed; its structures were only checked for "
            f"{CHECKED}.",
            fix=f"Run: pip install llama-cpp-python=={CHECKED}",
        )


def _log_to_standard_error(lib: Any) -> None:
    """Let llama.cpp's messages through, but not what its authors look for: a line for each token.

    Standard error is the engine's log, of whose last line a person is told.
    """
    if _telling:
        return
    shown = False

    def tell(level: int, text: bytes, _: Any) -> None:
        nonlocal shown
        shown = shown if level == _GOES_ON else level > _FOR_AUTHORS
        if shown:
            with suppress(OSError):
                os.write(2, text)

    _telling.append(lib.llama_log_callback(tell))
    lib.llama_log_set(_telling[0], None)
    # What is said when Python is gone must not come to it.
    atexit.register(lib.llama_log_set, lib.llama_log_callback(), None)


_telling: list[Any] = []
"""Native code points at it for as long as the process lives."""


class _Override(ctypes.Structure):
    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


class Llama:
    """An opened model and its one context, in which several sequences live side by side.

    Not for two threads at once, but for `abort`.
    """

    def __init__(self, path: Path, plan: Plan, on_load: Callable[[float], None]) -> None:
        """Raises ModelError where llama.cpp refuses the file, SetupError without memory."""
        self.lib = lib = library()
        _log_to_standard_error(lib)
        lib.llama_backend_init()
        # Everything native code points at is kept for as long as it may look there.
        self._kept: list[Any] = []
        self.model = lib.llama_model_load_from_file(
            str(path).encode(), self._model_params(plan, on_load)
        )
        if not self.model:
            raise ModelError(f"llama.cpp could not load {path.name}; its log says why.")
        if lib.llama_model_has_encoder(self.model) or not lib.llama_model_has_decoder(self.model):
            raise ModelError(f"{path.name} holds no model that writes text.")
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.context = lib.llama_init_from_model(self.model, self._context_params(plan))
        if not self.context:
            raise SetupError(
                f"llama.cpp gets no memory for a context of {plan.context:,} tokens.",
                fix="Set a smaller one in config.toml, under [engine]: context = 32768",
            )
        self.memory = lib.llama_get_memory(self.context)
        self.size = int(lib.llama_n_ctx(self.context))
        self._spare = plan.sequences
        self._on_gpu = plan.gpu_layers > 0
        self.vocab_size = int(lib.llama_vocab_n_tokens(self.vocab))
        self.can_fork = not (
            lib.llama_model_is_recurrent(self.model) or lib.llama_model_is_hybrid(self.model)
        )
        self._pieces: dict[int, bytes] = {}
        self._views: dict[int, Any] = {}
        self._read_vocabulary()
        self._batch = _Batch(lib, plan.ubatch)

    def _model_params(self, plan: Plan, on_load: Callable[[float], None]) -> Any:
        lib = self.lib
        params = lib.llama_model_default_params()
        params.n_gpu_layers = plan.gpu_layers

        def report(share: float, _: Any) -> bool:
            on_load(share)
            return True

        params.progress_callback = lib.llama_progress_callback(report)
        self._kept.append(params.progress_callback)
        if plan.cpu_moe:
            patterns = [rf"blk\.{i}{_EXPERTS}".encode() for i in range(plan.cpu_moe)]
            cpu = _cpu_buffer_type(Path(lib.__file__).parent / "lib")
            entries = [_Override(pattern, cpu) for pattern in patterns]
            overrides = (_Override * (len(entries) + 1))(*entries, _Override(None, None))
            self._kept.append(overrides)
            params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p).value
        return params

    def _context_params(self, plan: Plan) -> Any:
        lib = self.lib
        params = lib.llama_context_default_params()
        params.n_ctx = plan.context
        params.n_batch = params.n_ubatch = plan.ubatch
        # One more than are used: through it states come and go.
        params.n_seq_max = plan.sequences + 1
        params.n_outputs_max = plan.sequences + GUESSES
        params.n_threads = params.n_threads_batch = plan.threads
        params.flash_attn_type = _FLASH_ON
        params.type_k = params.type_v = _UNIFIED_TYPES[plan.cache]
        params.kv_unified = True
        params.swa_full = True
        params.offload_kqv = True
        params.no_perf = True
        # The callback that may stop a computation is libc's strlen on this buffer: zero, go on,
        # until somebody writes a byte. A Python function would take the GIL at every graph node.
        self._flag = ctypes.create_string_buffer(2)
        strlen = ctypes.CDLL(None).strlen
        params.abort_callback = ctypes.cast(strlen, lib.ggml_abort_callback)
        params.abort_callback_data = ctypes.cast(self._flag, ctypes.c_void_p)
        return params

    def _read_vocabulary(self) -> None:
        lib, vocab = self.lib, self.vocab
        self.control: set[int] = set()
        self.ends: set[int] = set()
        marks: dict[str, int] = {}
        for token in range(self.vocab_size):
            attributes = lib.llama_vocab_get_attr(vocab, token)
            if attributes & _CONTROL:
                self.control.add(token)
            if lib.llama_vocab_is_eog(vocab, token):
                self.ends.add(token)
            elif attributes & _USER_DEFINED:
                marks[self.piece(token).decode("utf-8", "replace")] = token
        # Runs of blanks are user-defined in some vocabularies; nobody can do harm with these.
        self.marks = {mark: token for mark, token in marks.items() if len(mark.strip()) > 1}
        longest_first = sorted(self.marks, key=len, reverse=True)
        self._mark = re.compile(f"(?=({'|'.join(map(re.escape, longest_first))}))")

    # Text and tokens

    def piece(self, token: int) -> bytes:
        """The bytes of one token, as text even where it is a special one."""
        piece = self._pieces.get(token)
        if piece is None:
            buffer = ctypes.create_string_buffer(64)
            length = self.lib.llama_token_to_piece(self.vocab, token, buffer, 64, 0, True)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = self.lib.llama_token_to_piece(self.vocab, token, buffer, -length, 0, True)
            piece = self._pieces[token] = buffer.raw[: max(length, 0)]
        return piece

    def frame(self, text: str) -> Tokens:
        """Tokens of the format's own text, special ones among them."""
        return self._tokenize(text, special=True)

    def plain(self, text: str) -> Tokens:
        """Tokens of anybody's text: never one with a meaning of its own, whatever it says.

        llama.cpp finds user-defined tokens even where special ones are off, so each is cut after
        its first character and both halves become tokens for themselves.
        """
        tokens = array("i")
        start = 0
        for match in self._mark.finditer(text) if self.marks else ():
            cut = match.start() + 1
            tokens += self._tokenize(text[start:cut], special=False)
            start = cut
        tokens += self._tokenize(text[start:], special=False)
        return tokens

    def own(self, text: str, markers: re.Pattern[str]) -> Tokens:
        """Tokens of what a model wrote: these markers are special, and nothing else is."""
        tokens = array("i")
        start = 0
        for match in markers.finditer(text):
            tokens += self.plain(text[start : match.start()])
            tokens += self._tokenize(match[0], special=True)
            start = match.end()
        return tokens + self.plain(text[start:])

    def _tokenize(self, text: str, *, special: bool) -> Tokens:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), tokens, room, False, special)
        if count < 0:
            tokens = (ctypes.c_int32 * -count)()
            count = self.lib.llama_tokenize(
                self.vocab, data, len(data), tokens, -count, False, special
            )
        out = array("i")
        out.frombytes(memoryview(tokens).cast("B")[: count * 4])
        return out

    @property
    def bos(self) -> str:
        """The token that begins a text, as text; empty where there is none."""
        return self._text(self.lib.llama_vocab_bos(self.vocab))

    @property
    def eos(self) -> str:
        return self._text(self.lib.llama_vocab_eos(self.vocab))

    def _text(self, token: int) -> str:
        return self.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    @property
    def opening(self) -> Tokens:
        """What the vocabulary wants before every text, mostly nothing or one token."""
        wanted = self.lib.llama_vocab_get_add_bos(self.vocab)
        return array("i", [self.lib.llama_vocab_bos(self.vocab)] if wanted else [])

    # Cells

    def decode(self, rows: list[tuple[int, int, Tokens, int]]) -> int:
        """Evaluate tokens: for each sequence its number, first position and tokens.

        After so many of the last ones the next can be sampled.

        Returns 0, NO_ROOM, ABORTED or llama.cpp's own negative code; only after 0 anything has
        changed that may be relied on.
        """
        code: int = self.lib.llama_decode(self.context, self._batch.fill(rows))
        if self._on_gpu:
            # It only began: without this the time that a batch takes would count for the next one.
            self.lib.llama_synchronize(self.context)
        return code

    def logits(self, row: int) -> Any:
        """The logits after a row of the last batch, where llama.cpp keeps them until the next."""
        pointer = self.lib.llama_get_logits_ith(self.context, row)
        address = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        view: Any = self._views.get(address)
        if view is None:
            import numpy as np

            values: Any = (ctypes.c_float * self.vocab_size).from_address(address)
            view = self._views[address] = np.frombuffer(values, np.float32)
        return view

    def use_threads(self, number: int) -> None:
        """Compute with so many from the next `decode` on."""
        self.lib.llama_set_n_threads(self.context, number, number)

    def abort(self) -> None:
        """Stop a running `decode`, from any thread, where the backend looks (CPU and Metal)."""
        self._flag[0] = b"\x01"

    def go_on(self) -> None:
        self._flag[0] = b"\x00"

    def remove(self, sequence: int, start: int) -> bool:
        """Free the cells of a sequence from a position on; False where that cannot be."""
        return bool(self.lib.llama_memory_seq_rm(self.memory, sequence, start, -1))

    def copy(self, source: int, target: int, end: int) -> None:
        """Let one sequence begin with the cells of another; they are shared, not copied."""
        self.lib.llama_memory_seq_cp(self.memory, source, target, 0, end)

    def state(self, sequence: int, start: int, end: int) -> bytes:
        """What the cells of a stretch of a sequence hold, for `restore`."""
        lib, spare = self.lib, self._spare
        lib.llama_memory_seq_cp(self.memory, sequence, spare, start, end)
        size = lib.llama_state_seq_get_size(self.context, spare)
        buffer = (ctypes.c_uint8 * size)()
        written = lib.llama_state_seq_get_data(self.context, buffer, size, spare)
        self.remove(spare, 0)
        return bytes(memoryview(buffer)[:written])

    def restore(self, sequence: int, state: bytes) -> bool:
        """Put a stretch back to where it was, into free cells; False where that cannot be."""
        lib, spare = self.lib, self._spare
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        read = lib.llama_state_seq_set_data(self.context, buffer, len(state), spare)
        if read:
            lib.llama_memory_seq_cp(self.memory, spare, sequence, -1, -1)
        self.remove(spare, 0)
        return bool(read)

    def close(self) -> None:
        self.lib.llama_free(self.context)
        self.lib.llama_model_free(self.model)


class _Batch:
    """llama.cpp's batch over arrays of ours, so that a step writes a few slices and no more."""

    def __init__(self, lib: Any, size: int) -> None:
        import numpy as np

        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        step = self._sequences.itemsize
        base = self._sequences.ctypes.data
        self._pointers = np.arange(base, base + size * step, step, dtype=np.uint64)
        self._range = np.arange
        self._batch = lib.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )

    def fill(self, rows: list[tuple[int, int, Tokens, int]]) -> Any:
        at = 0
        for sequence, position, tokens, wanted in rows:
            end = at + len(tokens)
            if len(tokens) == 1:  # a numpy slice costs ten times as much as one value
                self._tokens[at] = tokens[0]
                self._positions[at] = position
                self._sequences[at] = sequence
            else:
                self._tokens[at:end] = tokens
                self._positions[at:end] = self._range(position, position + len(tokens))
                self._sequences[at:end] = sequence
                self._wanted[at:end] = 0
                self._wanted[end - wanted : end] = 1
            self._wanted[end - 1] = wanted > 0
            at = end
        self._batch.n_tokens = at
        return self._batch


def _pointer(values: Any, kind: Any) -> Any:
    return values.ctypes.data_as(ctypes.POINTER(kind))


def _cpu_buffer_type(folder: Path) -> int:
    name = "libggml-cpu.dylib" if sys.platform == "darwin" else "libggml-cpu.so"
    function: Any = ctypes.CDLL(str(folder / name)).ggml_backend_cpu_buffer_type
    function.restype = ctypes.c_void_p
    return int(function())
