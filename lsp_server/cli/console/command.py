"""The commands `fimbria console` and `fimbria chat`, and what they open."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from lsp_server.cli.console.loop import Session, talk_on_terminal, talk_through_pipe
from lsp_server.cli.console.modes import END, MARKS, Mode, check_model, check_name, mode_of
from lsp_server.cli.console.printing import Screen
from lsp_server.cli.console.talk import Talk, Ways, check_text
from lsp_server.cli.console.terminal import is_terminal, keys_kept
from lsp_server.cli.errors import error_of, usage_error
from lsp_server.cli.options import (
    AdapterOption,
    ChatModelOption,
    ContextLengthOption,
    DeviceOption,
    DtypeOption,
    FamilyOption,
    HealOption,
    KvMemoryOption,
    LayoutOption,
    ModelOption,
    SeedOption,
    TemperatureOption,
    TopPOption,
)
from lsp_server.cli.session import Services, with_runtime
from lsp_server.settings import Settings, from_environment
from lsp_server.user_config import user_settings
from model_runtime.api import (
    Capability,
    Layout,
    ModelInfo,
    Runtime,
    RuntimeFailure,
    SamplingParams,
)
from model_runtime.places import DaemonSpec

if TYPE_CHECKING:
    from lsp_server.cli.console.reading import TypedTexts

CONSOLE_EPILOG = f"""[bold]Examples[/bold]
  fimbria console                             text in, what follows it out
  fimbria console --capability infilling      {MARKS[0]} marks the hole
  fimbria console --capability chat           the same as fimbria chat
  printf 'def area(w, h):\\n    return {MARKS[0]}\\n' | fimbria console -c infilling

From a pipe, a line {END} ends each text (without one, the input is one text), and only the answers
are printed. Exit status: 0 answered, 1 the runtime failed, 2 wrong usage."""
CHAT_EPILOG = """[bold]Examples[/bold]
  fimbria chat --model codellama/CodeLlama-7b-Instruct-hf
  fimbria chat --system 'Answer with code only.'
  echo 'What does len(set(x)) tell?' | fimbria chat

The settings chat_model and chat_endpoint say which model chats when none is named."""

CapabilityOption = Annotated[
    Capability,
    typer.Option(
        "--capability",
        "--cap",
        "-c",
        help="completion: what follows a text. infilling: what belongs in a hole. chat: answers. "
        "python: completion by a model made for it.",
    ),
]
SystemOption = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help="What holds for the whole chat: the system message.",
        show_default=False,
    ),
]
AnswerTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        min=1,
        metavar="N",
        help="At most this many tokens an answer; else 1024 of a chat, 256 of code.",
        show_default=False,
    ),
]


_UNKNOWN_TOKENS = 512
"""An answer's, of a model whose context is not known: what a ChatRequest takes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line. named: a model was, here and now; settings for chats step back then."""

    mode: Mode
    spec: DaemonSpec
    system: str
    max_tokens: int | None
    sampling: SamplingParams
    layout: Layout
    heal: bool
    named: bool


def console(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    capability: CapabilityOption = Capability.COMPLETION,
    system: SystemOption = "",
    model: ModelOption = "starter",
    chat_model: ChatModelOption = "",
    max_tokens: AnswerTokensOption = None,
    temperature: TemperatureOption = 0.0,
    top_p: TopPOption = 1.0,
    seed: SeedOption = None,
    layout: LayoutOption = Layout.AUTO,
    heal: HealOption = True,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
    adapter: AdapterOption = "",
    context_length: ContextLengthOption = 0,
    family: FamilyOption = "",
) -> None:
    """Talk to the model in this terminal: completion, infilling, chat."""
    spec = DaemonSpec(
        model=model,
        device=device,
        dtype=dtype,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
        chat_model=chat_model,
    )
    options = _Options(
        mode=mode_of(capability),
        spec=spec,
        system=system,
        max_tokens=max_tokens,
        sampling=SamplingParams(temperature=temperature, top_p=top_p, seed=seed),
        layout=layout,
        heal=heal,
        named=_is_named(ctx, "model") or _is_named(ctx, "chat_model"),
    )
    _open(ctx.obj, options)


def chat(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: typer.Context,
    system: SystemOption = "",
    model: ModelOption = "starter",
    chat_model: ChatModelOption = "",
    max_tokens: AnswerTokensOption = None,
    temperature: TemperatureOption = 0.0,
    top_p: TopPOption = 1.0,
    seed: SeedOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    kv_memory: KvMemoryOption = "auto",
    adapter: AdapterOption = "",
    context_length: ContextLengthOption = 0,
    family: FamilyOption = "",
) -> None:
    """Chat with a model: short for console --capability chat."""
    console(
        ctx,
        Capability.CHAT,
        system,
        model,
        chat_model,
        max_tokens,
        temperature,
        top_p,
        seed,
        device=device,
        dtype=dtype,
        kv_memory=kv_memory,
        adapter=adapter,
        context_length=context_length,
        family=family,
    )


def _is_named(ctx: typer.Context, parameter: str) -> bool:
    """Whether an option stands on the command line itself, not in a setting or the environment."""
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _open(services: Services, options: _Options) -> None:
    """Refuse what cannot work before a model is loaded, then talk. Raises CommandError."""
    mode = options.mode
    if options.system:
        if not mode.chats:
            raise usage_error("--system is for chats: --capability chat, or fimbria chat.")
        check_text(options.system)
    settings = _settings()
    if mode.chats and not options.named and settings.chat_endpoint:
        services = replace(services, make_runtime=lambda *_: _engine_elsewhere(settings))
    else:
        options = _with_chat_model(options, settings)
        _check_name(options)
    with keys_kept() if is_terminal() else nullcontext():
        with_runtime(services, options.spec, lambda runtime: _talk(runtime, options))


def _settings() -> Settings:
    """The user's; what is wrong with them has been said by then."""
    settings, _, _ = user_settings()
    settings, _ = from_environment(os.environ, settings)
    return settings


def _with_chat_model(options: _Options, settings: Settings) -> _Options:
    """A model that is named here and now is meant to answer itself."""
    if not options.mode.chats or options.named:
        return options
    chosen = options.spec.chat_model or settings.chat_model
    return replace(options, spec=replace(options.spec, chat_model=chosen))


def _check_name(options: _Options) -> None:
    if options.spec.chat_model:
        return
    try:
        check_name(options.mode, options.spec.model)
    except RuntimeFailure as failure:
        raise error_of(failure) from failure


def _engine_elsewhere(settings: Settings) -> Runtime:
    from model_runtime.openai_runtime import OpenAIRuntime

    return OpenAIRuntime(settings.chat_endpoint, settings.chat_model, settings.chat_api_key)


async def _talk(runtime: Runtime, options: _Options) -> None:
    info = await runtime.info()
    spec = options.spec
    check_model(options.mode, info, spec.model, has_chat_model=bool(spec.chat_model))
    info = _who_answers(options, info)
    talk = Talk(_ways(options, info), options.system)
    screen = Screen(sys.stdout, on_terminal=is_terminal())
    session = Session(runtime=runtime, info=info, talk=talk, screen=screen)
    if screen.on_terminal:
        await talk_on_terminal(session, _typed(options.mode))
        return
    if sys.stdin is None:
        raise usage_error("standard input is closed.")
    if sys.stdin.isatty():
        screen.say(f"Reading standard input; {END} alone on a line ends a text, Ctrl-D the last.")
    await talk_through_pipe(session, sys.stdin.buffer)


def _who_answers(options: _Options, info: ModelInfo) -> ModelInfo:
    """The model itself, or what is known of the second one before its first answer: its name."""
    if not options.mode.chats or options.mode.capability in info.capabilities:
        return info
    only_chat = frozenset({Capability.CHAT})
    name = options.spec.chat_model
    return ModelInfo(id=name, context_length=0, capabilities=only_chat, device="", dtype="")


def _ways(options: _Options, info: ModelInfo) -> Ways:
    """Half of the context is left for what the answer is about. A model that fills in the rest of a
    line is stopped there, as in an editor: its further lines are rarely right. Raises CommandError.
    """
    if options.max_tokens and 0 < info.context_length <= options.max_tokens:
        raise usage_error(
            f"--max-tokens {options.max_tokens} leaves no room for a text: the context of "
            f"{info.id} is {info.context_length} tokens. Choose a smaller number or leave it out."
        )
    most = max(1, info.context_length // 2) if info.context_length else _UNKNOWN_TOKENS
    return Ways(
        mode=options.mode,
        max_tokens=options.max_tokens or min(options.mode.max_tokens, most),
        stop=("\n",) if options.mode.infills and info.single_line else (),
        sampling=options.sampling,
        layout=options.layout,
        heal=options.heal,
    )


def _typed(mode: Mode) -> TypedTexts:
    from lsp_server.cli.console.history import PrivateHistory, history_file
    from lsp_server.cli.console.reading import typed_texts

    return typed_texts(mode, PrivateHistory(history_file(mode)))
