"""Every request that the daemon accepts and every answer that an engine may give."""

from __future__ import annotations

from hypothesis import strategies as st

from model_runtime.api import (
    Candidate,
    ChatMessage,
    ChatRequest,
    Chunk,
    CompletionRequest,
    Finished,
    FinishReason,
    Layout,
    Priority,
    Role,
    SamplingParams,
    Snippet,
    Timings,
    Usage,
)
from model_runtime.fields import MAX_CANDIDATES, MAX_DRAFTS, MAX_STOP_STRINGS

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda text: "\r\n" not in text  # clients send it as "\n"
)
counts = st.integers(0, 2**31)
milliseconds = st.floats(0, 1e9)
logprobs = st.floats(-1e4, 0)

sampling = st.builds(
    SamplingParams,
    temperature=st.floats(0, 100),
    top_p=st.floats(0, 1),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
)
stops = st.lists(texts.filter(bool), max_size=MAX_STOP_STRINGS).map(tuple)
completion_requests = st.builds(
    CompletionRequest,
    prompt=texts,
    suffix=st.none() | texts,
    max_tokens=counts,
    stop=stops,
    sampling=sampling,
    layout=st.sampled_from(Layout),
    heal=st.booleans(),
    document=st.none() | texts,
    priority=st.sampled_from(Priority),
    num_candidates=st.integers(1, MAX_CANDIDATES),
    drafts=st.lists(texts, max_size=MAX_DRAFTS).map(tuple),
    speculate=st.booleans(),
    snippets=st.lists(st.builds(Snippet, texts, texts), max_size=3).map(tuple),
    path=texts,
    repository=texts,
)
chat_requests = st.builds(
    ChatRequest,
    messages=st.lists(
        st.builds(ChatMessage, st.sampled_from(Role), texts), min_size=1, max_size=5
    ).map(tuple),
    max_tokens=counts,
    stop=stops,
    sampling=sampling,
    document=st.none() | texts,
    priority=st.sampled_from(Priority),
    num_candidates=st.integers(1, MAX_CANDIDATES),
    drafts=st.lists(texts, max_size=MAX_DRAFTS).map(tuple),
    speculate=st.booleans(),
    model=texts,
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    prompt, draft = draw(counts), draw(counts)
    return Usage(
        prompt_tokens=prompt,
        cached_tokens=draw(st.integers(0, prompt)),
        completion_tokens=draw(counts),
        draft_tokens=draft,
        accepted_tokens=draw(st.integers(0, draft)),
    )


candidates = st.builds(
    Candidate,
    reason=st.sampled_from(FinishReason),
    mean_logprob=logprobs,
    first_drop=st.none() | counts,
)
timings = st.builds(Timings, milliseconds, milliseconds, milliseconds)
chunks = st.builds(
    Chunk, texts, st.integers(0, MAX_CANDIDATES - 1), st.lists(logprobs, max_size=4).map(tuple)
).filter(lambda chunk: bool(chunk.text or chunk.logprobs))


@st.composite
def finished(draw: st.DrawFn) -> Finished:
    ends = tuple(draw(st.lists(candidates, max_size=MAX_CANDIDATES)))
    reason = ends[0].reason if ends else draw(st.sampled_from(FinishReason))
    return Finished(reason, draw(usages()), draw(timings), ends)


events = chunks | finished()
