// The chat view's page.

import { REMEDIES, type Availability } from "../../core/availability.ts";
import type { FromView, ToView } from "../../core/chatMessages.ts";
import { EMPTY, isBusy, toTell, type Reference, type Transcript } from "../../core/transcript.ts";
import { action, element } from "./markdownView.ts";
import { TurnView, type TurnEvents } from "./turnView.ts";

/** What outlives the page, which VS Code throws away while the view is hidden. */
interface State {
  readonly draft: string;
}

declare function acquireVsCodeApi(): {
  postMessage(message: FromView): void;
  getState(): State | undefined;
  setState(state: State): void;
};

const vscode = acquireVsCodeApi();
const turns = found("turns", HTMLElement);
const form = found("form", HTMLFormElement);
const question = found("question", HTMLTextAreaElement);
const ask = found("ask", HTMLButtonElement);
const stop = found("stop", HTMLButtonElement);
const references = found("references", HTMLElement);
const unavailable = found("unavailable", HTMLElement);
const why = found("why", HTMLElement);
const remedies = found("remedies", HTMLElement);
const keys = found("keys", HTMLElement);
const announcement = found("announcement", HTMLElement);
/** Longer answers are read out from the conversation itself. */
const LONGEST_ANNOUNCEMENT = 2000;

/** What is drawn, turn by turn. */
let drawn: readonly TurnView[] = [];
let transcript: Transcript = EMPTY;
let busy = false;
let availability: Availability = { isAvailable: true, whyNot: "", remedies: [] };
/** The question that was sent and not taken yet; until then it stays where it was written. */
let sent: string | undefined;
let shownReferences = "";

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
function showTranscript(now: Transcript): void {
  const { turns: shown, conversation } = now;
  drawn = shown.map((_, index) => drawn[index] ?? new TurnView(eventsOf(index)));
  keepingAtEnd(() => {
    for (const [index, turn] of shown.entries()) {
      drawn[index]?.show(turn, conversation, index === shown.length - 1);
    }
    turns.append(...drawn.slice(turns.children.length).map((view) => view.element));
    while (turns.children.length > drawn.length) turns.lastElementChild?.remove();
  });
  if (sent !== undefined && shown.at(-1)?.question === sent) taken(sent);
  announce(toTell(transcript, now));
  transcript = now;
  showWhetherBusy(isBusy(now));
}

function taken(words: string): void {
  sent = undefined;
  if (question.value.trim() !== words) return; // something else has been written since
  question.value = "";
  keepDraft();
}

function keepDraft(): void {
  vscode.setState({ draft: question.value });
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
  busy = isNowBusy;
  const isButtonFocused = document.activeElement === ask || document.activeElement === stop;
  stop.hidden = !busy;
  ask.hidden = busy;
  if (isButtonFocused) (busy ? stop : question).focus();
  showKeys();
}

function showKeys(): void {
  keys.classList.remove("problem");
  if (busy) keys.textContent = "Esc stops the answer";
  else if (availability.isAvailable) keys.textContent = "Enter asks, Shift+Enter begins a line";
  else keys.textContent = "Cannot be asked yet";
}

function showAvailability(now: Availability): void {
  const isFocusLost = document.hasFocus() && document.activeElement === document.body;
  const isAtRemedy = unavailable.contains(document.activeElement);
  availability = now;
  unavailable.hidden = now.isAvailable;
  ask.disabled = !now.isAvailable;
  if (why.textContent !== now.whyNot) announcement.textContent = now.whyNot;
  why.textContent = now.whyNot;
  remedies.replaceChildren(
    ...now.remedies.map((remedy) =>
      action(REMEDIES[remedy], "", () => {
        send({ kind: "remedy", remedy });
      }),
    ),
  );
  if (isAtRemedy || (isFocusLost && now.isAvailable)) question.focus();
  showKeys();
}

/** Says what has happened; an answer that was read out does not outlive its conversation. */
function announce(what: ReturnType<typeof toTell>): void {
  if (what === "began") announcement.textContent = "Answering.";
  if (what === "ended") announcement.textContent = answerToReadOut();
  if (what === "left") announcement.textContent = "";
}

function answerToReadOut(): string {
  return (drawn.at(-1)?.words ?? "").slice(0, LONGEST_ANNOUNCEMENT);
}

function showReferences(current: readonly Reference[]): void {
  const source = JSON.stringify(current);
  if (source === shownReferences) return;
  shownReferences = source;
  const { activeElement } = document;
  const focused = [...references.children].findIndex((item) => item.contains(activeElement));
  const chips = current.map((reference) => {
    const label = `Leave out ${reference.label}`;
    return chip(`${reference.label} ×`, label, { kind: "removeReference", reference });
  });
  const more = chip("+ File", "Add an open file to the question", { kind: "addReference" });
  references.replaceChildren(...chips, more);
  if (focused !== -1) (chips[focused] ?? more).querySelector("button")?.focus();
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
  if (words === "") return;
  if (busy || !availability.isAvailable) {
    refuse(busy ? "Not sent: the answer is still being written, Esc stops it" : "Not sent: see above");
    return;
  }
  sent = words;
  send({ kind: "ask", question: words });
}

/** Says why a question was not sent; it stays in its place. */
function refuse(reason: string): void {
  keys.textContent = reason;
  keys.classList.add("problem");
  announcement.textContent = busy ? `${reason}.` : availability.whyNot;
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
      showAvailability(message);
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
question.addEventListener("input", () => {
  keepDraft();
  showKeys();
});
question.value = vscode.getState()?.draft ?? "";
window.addEventListener("message", (event: MessageEvent<ToView>) => {
  receive(event.data);
});
send({ kind: "ready" });
