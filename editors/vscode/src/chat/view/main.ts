// The chat view's page.

import type { FromView, ToView } from "../../core/chatMessages.ts";
import { isBusy, type Reference, type Transcript } from "../../core/transcript.ts";
import { element } from "./markdownView.ts";
import { TurnView, type TurnEvents } from "./turnView.ts";

declare function acquireVsCodeApi(): { postMessage(message: FromView): void };

const vscode = acquireVsCodeApi();
const turns = found("turns", HTMLElement);
const form = found("form", HTMLFormElement);
const question = found("question", HTMLTextAreaElement);
const ask = found("ask", HTMLButtonElement);
const stop = found("stop", HTMLButtonElement);
const references = found("references", HTMLElement);
const unavailable = found("unavailable", HTMLElement);
const why = found("why", HTMLElement);
const announcement = found("announcement", HTMLElement);
/** Longer answers are read out from the conversation itself. */
const LONGEST_ANNOUNCEMENT = 2000;

/** What is drawn, turn by turn. */
let drawn: readonly TurnView[] = [];
let busy = false;

function found<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`no ${id}`);
  return element;
}

function send(message: FromView): void {
  vscode.postMessage(message);
}

/** Follows the answer's end, unless the user has scrolled away from it. */
function keepingAtEnd(draw: () => void): void {
  const isAtEnd = turns.scrollHeight - turns.scrollTop - turns.clientHeight < 40;
  draw();
  if (isAtEnd) turns.scrollTop = turns.scrollHeight;
}

/** Draws what has changed and leaves the rest alone, with what is selected or focused in it. */
function showTranscript(transcript: Transcript): void {
  const { turns: shown, conversation } = transcript;
  drawn = shown.map((_, index) => drawn[index] ?? new TurnView(eventsOf(index)));
  keepingAtEnd(() => {
    for (const [index, turn] of shown.entries()) {
      drawn[index]?.show(turn, conversation, index === shown.length - 1);
    }
    turns.append(...drawn.slice(turns.children.length).map((view) => view.element));
    while (turns.children.length > drawn.length) turns.lastElementChild?.remove();
  });
  showWhetherBusy(isBusy(transcript));
}

function eventsOf(turn: number): TurnEvents {
  return {
    use: send,
    open: (reference) => {
      send({ kind: "openReference", reference });
    },
    change: (words) => {
      send({ kind: "askInstead", turn, question: words });
      question.focus();
    },
    askAgain: () => {
      send({ kind: "askAgain" });
      question.focus();
    },
    copyAnswer: () => {
      send({ kind: "copyAnswer", turn });
    },
  };
}

function showWhetherBusy(isNowBusy: boolean): void {
  if (busy !== isNowBusy) announcement.textContent = isNowBusy ? "Answering." : answerToReadOut();
  busy = isNowBusy;
  stop.hidden = !busy;
  ask.hidden = busy;
}

function answerToReadOut(): string {
  return (drawn.at(-1)?.words ?? "").slice(0, LONGEST_ANNOUNCEMENT);
}

function showReferences(current: readonly Reference[]): void {
  const chips = current.map((reference) => {
    const label = `Leave out ${reference.label}`;
    return chip(`${reference.label} ×`, label, { kind: "removeReference", reference });
  });
  references.replaceChildren(
    ...chips,
    chip("+ File", "Add an open file to the question", { kind: "addReference" }),
  );
}

function chip(words: string, label: string, message: FromView): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.textContent = words;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => {
    send(message);
  });
  return element("li", [button]);
}

function submit(): void {
  const words = question.value.trim();
  if (words === "" || ask.disabled) return;
  question.value = "";
  send({ kind: "ask", question: words });
}

function receive(message: ToView): void {
  switch (message.kind) {
    case "transcript":
      showTranscript(message.transcript);
      break;
    case "text":
      keepingAtEnd(() => drawn.at(-1)?.grow(message.text));
      break;
    case "references":
      showReferences(message.references);
      break;
    case "availability":
      unavailable.hidden = message.isAvailable;
      why.textContent = message.whyNot;
      ask.disabled = !message.isAvailable;
      break;
    case "focus":
      question.focus();
      break;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && busy) send({ kind: "stop" });
});
stop.addEventListener("click", () => {
  send({ kind: "stop" });
});
found("settings", HTMLButtonElement).addEventListener("click", () => {
  send({ kind: "openSettings" });
});
window.addEventListener("message", (event: MessageEvent<ToView>) => {
  receive(event.data);
});
send({ kind: "ready" });
