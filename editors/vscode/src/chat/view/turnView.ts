// Draws one question and its answer.

import { parseMarkdown } from "../../core/markdown.ts";
import type { Reference, State, Turn } from "../../core/transcript.ts";
import { drawBlocks, element, text, type UseCode } from "./markdownView.ts";

const NOTES: Readonly<Record<State, string>> = {
  growing: "",
  done: "",
  cut: "The answer was cut at its longest length (the setting fimbria.chatMaxTokens).",
  stopped: "Stopped.",
  failed: "",
};

export class TurnView {
  readonly element: HTMLElement;
  readonly #note: HTMLElement[];
  readonly #answer: HTMLElement;
  readonly #use: UseCode;
  #text = "";
  #isDrawing = false;

  constructor(turn: Turn, use: UseCode, open: (reference: Reference) => void) {
    this.#use = use;
    const question = element("article", [element("p", [text(turn.question)])]);
    question.className = "question";
    question.setAttribute("aria-label", "You");
    question.append(...referenceList(turn.references, open));
    this.#answer = element("div", []);
    this.#note = note(turn);
    const answer = element("article", [this.#answer, ...this.#note]);
    answer.className = "answer";
    answer.setAttribute("aria-label", "Fimbria");
    answer.setAttribute("aria-busy", String(turn.state === "growing"));
    this.element = element("section", [question, answer]);
    this.#text = turn.answer;
    this.#draw();
  }

  /** The answer as it was written, and what is said of it. */
  get words(): string {
    return [this.#text, ...this.#note.map((note) => note.innerText)].join("\n");
  }

  /** More of the answer; drawn once per frame, however many pieces come. */
  grow(more: string): void {
    this.#text += more;
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #draw(): void {
    this.#answer.replaceChildren(...drawBlocks(parseMarkdown(this.#text), this.#use));
  }
}

function note({ state, problem }: Turn): HTMLElement[] {
  const words = problem === "" ? NOTES[state] : problem;
  if (words === "") return [];
  const drawn = element("p", [text(words)]);
  drawn.className = state === "failed" ? "problem" : "note";
  return [drawn];
}

function referenceList(
  references: readonly Reference[],
  open: (reference: Reference) => void,
): HTMLElement[] {
  if (references.length === 0) return [];
  const items = references.map((reference) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = reference.label;
    button.addEventListener("click", () => {
      open(reference);
    });
    const problem = reference.problem === undefined ? [] : [text(` ${reference.problem}`)];
    return element("li", [button, ...problem]);
  });
  const list = element("ul", items);
  list.className = "references";
  list.setAttribute("aria-label", "References");
  return [list];
}
