"""What the figures of a result mean, in words: only about the engines that are in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_WHOLE_WAY = """
- `fimbria`: `fimbria lsp` over stdio and its daemon over a Unix socket. A key is one
  `textDocument/didChange` and one `textDocument/inlineCompletion`; the clock runs from writing both
  to having read the answer. So our times hold two processes' way there and back, and the language
  server's work; the peers' times are those of the engine alone, with the prompt tokenized.
- First token of `fimbria`: the whole answer's time less the engine's for the tokens after the first
  (the protocol does not stream), so an upper bound.
- The peers generate as many tokens as `fimbria` did at the same key, which ends where the model or
  what is shown ends. Where it answered without its model (what was typed is what it had suggested),
  they generate as many as at the key before; the ratios are also given without those keys.
"""

_FIXED = """
- `fimbria`: the engine alone, in this process, without language server and daemon. Its time holds
  tokenizing and rendering the prompt; the peers get ids. All answers have the same length:
  nothing ends them. What a model writes behind its own end is often repetitive, which drafts
  (guesses checked in one pass) profit from; see how many were accepted, and `fimbria-undrafted`,
  which is the same without them.
"""

_ALWAYS = """
- The engines take turns block by block, in the same order; before a block each is asked,
  unmeasured, at the key before it. Prompts are those of Fimbria's language server: the same windows
  for all.
- Pauses: where the person paused, `fimbria` is given that time, but no more than it has work for,
  to compute ahead (warm-ups after a change that is no typed character; the language server's
  guesses, too). Where recorded times are whole seconds, a second less is taken, at least 0.1 s.
  That work is in no key's time; it is counted as idle tokens per key. The peers do no such work.
- Typed on: directly behind the last typed character. Somewhere else: the cursor was moved without a
  change, which no engine hears of before the key; with it, the text before and after the cursor is
  another, so much of the prompt is new.
- New tokens: prompt tokens that had to be computed, of the keys that asked the model. Reused: the
  share that had not. Ratios are of percentiles, ours over theirs, on the keys that both were asked.
"""

_PEERS = {
    "generate": """
- `generate`: `LlamaForCausalLM.generate` of transformers, from scratch for each prompt.
""",
    "generate-cached": """
- `generate-cached`: the same with one `DynamicCache`, cropped to the longest common prefix of what
  it holds and the next prompt. Our prompts, suffix first.
""",
    "llama.cpp": """
- `llama.cpp-*`: llama-cpp-python driven by ids as llama.cpp's server does it: one sequence, the
  longest common prefix kept. `psm`: prefix first, as its `/infill` asks by default; `spm`: our
  prompts, suffix first. Keys and values in float16, its default (ours float32); weights float32,
  `q8`: 8 bits, so not the same weights, and in no goal. Its speculative decoding is not used.
""",
    "random": """
- The weights are random, so what is generated is meaningless and soon goes in circles; drafts that
  copy what came before are accepted more often than on real text.
""",
}


def notes(config: Mapping[str, Any], engines: Iterable[str]) -> list[str]:
    """Return the notes that belong to a result, as lines."""
    names = {"llama.cpp" if name.startswith("llama.cpp") else name for name in engines}
    if config["model"].startswith("random:"):
        names.add("random")
    text = _FIXED if config["fixed"] else _WHOLE_WAY
    text += _ALWAYS + "".join(note for name, note in _PEERS.items() if name in names)
    return [line for line in text.split("\n") if line]
