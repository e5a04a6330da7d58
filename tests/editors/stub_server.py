"""A language server for the editor tests that answers what it was told to, when it was told to.

The test says through the editor's client what is to be answered (`stub/script`), lets held answers
go (`stub/release`), and asks what came in (`stub/seen`); so nothing here depends on time.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

Answer = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """What has happened since the script was given.

    asked, answered: the text before the cursor. accepted: the texts whose commands were run.
    heard: our own notifications, as method and params. selected: the entries of completion menus
    that questions named. reported: the problems that came with requests for code actions.
    """

    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    heard: list[tuple[str, Answer]] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    instructions: list[Answer] = field(default_factory=list)
    settings: list[Answer] = field(default_factory=list)
    questions: list[Answer] = field(default_factory=list)
    renamed: list[Answer] = field(default_factory=list)
    deleted: list[Answer] = field(default_factory=list)


@dataclass(slots=True)
class Script:
    """What to answer.

    rules: the first whose `after` ends the text before the cursor says with `text` what to suggest
    (None: the answer is null), with `others` what else when asked explicitly, with `before` and
    `cover` how many characters on either side of the cursor that replaces, with `hold` that the
    answer is to wait for its release, and with `delay_s` that it takes so long.
    options: what the editor said when it started the server.
    """

    rules: list[Answer] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    seen: Seen = field(default_factory=Seen)
    options: Any = None


def text_before(server: LanguageServer, params: types.InlineCompletionParams) -> str:
    """Return the cursor's line up to the cursor."""
    lines = server.workspace.get_text_document(params.text_document.uri).source.split("\n")
    line = lines[params.position.line].removesuffix("\r") if lines else ""
    # Neovim and this server agree on UTF-8.
    return line.encode()[: params.position.character].decode()


def plain(value: Any) -> Any:
    """Return an object of pygls' as dictionaries."""
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def item(rule: Answer, text: str, cursor: types.Position) -> types.InlineCompletionItem:
    """Return what the rule suggests at the cursor."""
    return types.InlineCompletionItem(
        insert_text=text,
        range=types.Range(
            types.Position(cursor.line, cursor.character - rule.get("before", 0)),
            types.Position(cursor.line, cursor.character + rule.get("cover", 0)),
        ),
        command=types.Command("Accepted", "stub.accepted", arguments=[text]),
    )


class StubProtocol(LanguageServerProtocol):
    """Announces what Fimbria does beyond the standard."""

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if isinstance(result, types.InitializeResult):
            result.capabilities.experimental = {"fimbria": {"events": True}}
        super()._send_response(msg_id, result, error)


def make_server(rules: list[Answer]) -> LanguageServer:
    """Return a server that follows `rules` until it gets others."""
    server = LanguageServer(
        "stub",
        "1",
        text_document_sync_kind=types.TextDocumentSyncKind.Full,
        protocol_cls=StubProtocol,
    )
    script = Script(rules)
    register_suggestions(server, script)
    register_actions(server, script)
    register_chat(server, script)
    register_settings(server, script)
    register_script(server, script)
    register_mishaps(server, script)
    return server


def register_suggestions(server: LanguageServer, script: Script) -> None:
    """Ghost text, and what the editor tells about it."""

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def complete(
        params: types.InlineCompletionParams,
    ) -> list[types.InlineCompletionItem] | None:
        before = text_before(server, params)
        now, released = script.seen, script.released
        now.asked.append(before)
        if params.context.selected_completion_info:
            now.selected.append(params.context.selected_completion_info.text)
        rule = next((rule for rule in script.rules if before.endswith(rule["after"])), None)
        if rule and rule.get("hold"):
            await released.wait()
        if rule and rule.get("delay_s"):
            await asyncio.sleep(rule["delay_s"])
        now.answered.append(before)
        if rule is None:
            return []
        if rule["text"] is None:
            return None
        is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
        texts = [rule["text"], *(rule.get("others", []) if is_invoked else [])]
        return [item(rule, text, params.position) for text in texts]

    @server.command("stub.accepted")
    def accepted(text: str) -> None:
        script.seen.accepted.append(text)

    for kind in ("didShow", "didAccept", "didDismiss"):
        method = f"fimbria/{kind}Completion"

        @server.feature(method)
        def hear(params: Any, method: str = method) -> None:
            script.seen.heard.append((method, params._asdict()))


def register_actions(server: LanguageServer, script: Script) -> None:
    """Code actions of each kind and instructions, which are written above the range."""

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(resolve_provider=True))
    def offer(params: types.CodeActionParams) -> list[types.CodeAction]:
        script.seen.reported += [problem.message for problem in params.context.diagnostics]
        kind = params.context.only[0] if params.context.only else "quickfix"
        uri, line = params.text_document.uri, params.range.start.line
        start = types.Position(line, 0)
        edit = types.TextEdit(types.Range(start, start), f"# {kind}: {params.range.end.line}\n")
        changes = types.WorkspaceEdit(changes={uri: [edit]})
        return [types.CodeAction("Fix: it", kind=kind, edit=changes)]

    async def wait_if_held() -> None:
        if any(rule.get("hold") for rule in script.rules):
            await script.released.wait()

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(action: types.CodeAction) -> types.CodeAction:
        await wait_if_held()
        return action

    @server.command("fimbria.editWithInstruction")
    async def edit(argument: Any) -> None:
        said = plain(argument)
        script.seen.instructions.append(said)
        await wait_if_held()
        start = types.Position(said["range"]["start"]["line"], 0)
        change = types.TextEdit(types.Range(start, start), f"# {said['instruction']}\n")
        edit = types.WorkspaceEdit(changes={said["uri"]: [change]})
        await server.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit))


def register_chat(server: LanguageServer, script: Script) -> None:
    """Answers in two pieces, the second of which waits for its release."""

    @server.feature("fimbria/chat")
    async def ask(params: Any) -> Answer:
        question = plain(params)
        script.seen.questions.append(question)
        token = question["partialResultToken"]

        def send(value: Answer) -> None:
            server.protocol.notify("$/progress", types.ProgressParams(token, value))

        name = f"q{len(script.seen.questions)}"
        send({"kind": "begin", "conversation": "c1", "question": name, "references": []})
        send({"kind": "text", "text": "Like this:\n\n```py"})
        await script.released.wait()
        send({"kind": "text", "text": "thon\nx = 1\n```\n"})
        answer = {"content": "all of it"}
        return {"conversation": "c1", "title": "100% so", "question": name, "answer": answer}

    @server.feature("fimbria/chat/status")
    def tell(_params: Any) -> Answer:
        return {"whyNot": "starter does not chat."}

    @server.feature("fimbria/chat/list")
    def conversations(_params: Any) -> list[Answer]:
        return [{"conversation": "c0", "title": "Halves", "updated": 1700000000.0, "numTurns": 1}]

    @server.feature("fimbria/chat/get")
    def conversation(_params: Any) -> Answer:
        turns = [("user", "Why?"), ("assistant", "Because.")]
        messages = [{"role": role, "content": text, "id": f"{role}0"} for role, text in turns]
        return {"conversation": "c0", "title": "Halves", "messages": messages}

    @server.feature("fimbria/chat/rename")
    def rename(params: Any) -> None:
        script.seen.renamed.append(plain(params))

    @server.feature("fimbria/chat/delete")
    def delete(params: Any) -> None:
        script.seen.deleted.append(plain(params))

    @server.feature("fimbria/chat/applyBlock")
    def apply(params: Any) -> Answer:
        asked = plain(params)
        line = asked["position"]["line"] if asked["mode"] == "insert" else 0
        start = {"line": line, "character": 0}
        change = {"range": {"start": start, "end": start}, "newText": asked["code"]}
        return {"edit": {"changes": {asked["textDocument"]["uri"]: [change]}}}


def register_settings(server: LanguageServer, script: Script) -> None:
    """The settings that the editor sends, at the start and later."""

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        script.options = plain(params.initialization_options)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configure(params: types.DidChangeConfigurationParams) -> None:
        script.seen.settings.append(plain(params.settings))


def register_script(server: LanguageServer, script: Script) -> None:
    """The test's side."""

    @server.feature("stub/script")
    def follow(params: Any) -> None:
        script.rules = [rule._asdict() for rule in params.rules]
        script.released = asyncio.Event()
        script.seen = Seen()

    @server.feature("stub/release")
    def release(_params: Any) -> None:
        script.released.set()

    @server.feature("stub/seen")
    def seen(_params: Any) -> Answer:
        return {**asdict(script.seen), "options": script.options}


def register_mishaps(server: LanguageServer, script: Script) -> None:
    """What a server may say and do by itself."""

    @server.feature("stub/progress")
    async def show_progress(params: Any) -> None:
        progress, token = server.work_done_progress, "fimbria-loading-1"
        if params.kind == "begin":
            await progress.create_async(token)
            progress.begin(token, types.WorkDoneProgressBegin("loading", percentage=0))
        elif params.kind == "report":
            progress.report(token, types.WorkDoneProgressReport(percentage=params.percentage))
        else:
            progress.end(token, types.WorkDoneProgressEnd())

    @server.feature("stub/work")
    async def work(params: Any) -> None:
        """Work on something until it is cancelled."""
        progress, token = server.work_done_progress, "fimbria-work-1"
        await progress.create_async(token)
        progress.begin(token, types.WorkDoneProgressBegin(params.title, cancellable=True))
        progress.report(token, types.WorkDoneProgressReport(message=params.message))

        def end(_: object) -> None:
            script.seen.heard.append(("cancelled", {"token": token}))
            progress.end(token, types.WorkDoneProgressEnd())
            progress.tokens.pop(token)

        loop = asyncio.get_running_loop()
        progress.tokens[token].add_done_callback(lambda done: loop.call_soon(end, done))

    @server.feature(types.SHUTDOWN)
    def shut_down(_params: Any) -> None:
        if server.work_done_progress.tokens:
            text = "Fimbria: Fix: it: stopped, because the server ends."
            server.window_show_message(types.ShowMessageParams(types.MessageType.Info, text))

    @server.feature("stub/say")
    def say(params: Any) -> None:
        kind = types.MessageType(params.kind)
        server.window_show_message(types.ShowMessageParams(kind, params.text))

    @server.feature("stub/hang")
    def hang(_params: Any) -> None:
        threading.Event().wait()

    @server.feature("stub/crash")
    def crash(_params: Any) -> None:
        os._exit(3)


def main(arguments: list[str]) -> None:
    """Serve on standard input and output; `--suggest TEXT` suggests that from the beginning."""
    suggested = arguments[arguments.index("--suggest") + 1] if "--suggest" in arguments else None
    make_server([{"after": "", "text": suggested}] if suggested else []).start_io()


if __name__ == "__main__":
    main(sys.argv[1:])
