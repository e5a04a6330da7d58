// Draws one question and its answer, each anew only when it has changed.

import { parseMarkdown } from "../../core/markdown.ts";
import type { Reference, State, Turn } from "../../core/transcript.ts";
import { action, drawBlock, element, text, type UseCode } from "./markdownView.ts";
import { drawQuestion } from "./questionView.ts";

const NOTES: Readonly<Record<State, string>> = {
  growing: "",
  done: "",
  cut: "The answer was cut at its longest length (the setting fimbria.chatMaxTokens).",
  stopped: "Stopped.",
  failed: "",
};

export interface TurnEvents {
  readonly use: UseCode;
  readonly open: (reference: Reference) => void;
  /** Asks something in the place of this turn's question. */
  readonly change: (words: string) => void;
  readonly askAgain: () => void;
  readonly copyAnswer: () => void;
}

export class TurnView {
  readonly element = element("section", []);
  readonly #events: TurnEvents;
  #question = element("article", []);
  readonly #answer = element("article", []);
  readonly #blocks = element("div", []);
  /** The blocks that are drawn, as they were parsed. */
  #drawn: readonly string[] = [];
  #note: HTMLElement[] = [];
  #questionSource = "";
  #answerSource = "";
  #text = "";
  #isDrawing = false;

  constructor(events: TurnEvents) {
    this.#events = events;
    this.#answer.className = "answer";
    this.#answer.setAttribute("aria-label", "Fimbria");
    this.#answer.append(this.#blocks);
    this.element.append(this.#question, this.#answer);
  }

  /** The answer as it was written, and what is said of it. */
  get words(): string {
    return [this.#text, ...this.#note.map((note) => note.innerText)].join("\n");
  }

  show(turn: Turn, conversation: string | undefined, isLast: boolean): void {
    const { question: words, references, answer, state, problem } = turn;
    const question = { words, references, canBeChanged: state !== "growing" };
    const questionSource = JSON.stringify([conversation, question]);
    if (questionSource !== this.#questionSource) {
      this.#questionSource = questionSource;
      const drawn = drawQuestion(question, this.#events);
      this.#question.replaceWith(drawn);
      this.#question = drawn;
    }
    const answerSource = JSON.stringify([answer, state, problem, isLast]);
    if (answerSource !== this.#answerSource) {
      this.#answerSource = answerSource;
      this.#showAnswer(turn, isLast);
    }
  }

  /** More of the answer; drawn once per frame, however many pieces come. */
  grow(more: string): void {
    this.#text += more;
    this.#answerSource = "";
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #showAnswer(turn: Turn, isLast: boolean): void {
    this.#note = note(turn);
    const bar = turn.state === "growing" ? [] : this.#bar(turn.answer, isLast);
    while (this.#blocks.nextSibling !== null) this.#blocks.nextSibling.remove();
    this.#answer.append(...this.#note, ...bar);
    this.#answer.setAttribute("aria-busy", String(turn.state === "growing"));
    this.#text = turn.answer;
    this.#draw();
  }

  #bar(answer: string, isLast: boolean): HTMLElement[] {
    const { copyAnswer, askAgain } = this.#events;
    const buttons = [
      ...(answer === "" ? [] : [action("Copy answer", "Copy the whole answer", copyAnswer)]),
      ...(isLast ? [action("Ask again", "Ask for another answer in its place", askAgain)] : []),
    ];
    const bar = element("div", buttons);
    bar.className = "turn-bar";
    return buttons.length === 0 ? [] : [bar];
  }

  /** Draws what has changed; what is focused or selected in the rest stays so. */
  #draw(): void {
    const blocks = parseMarkdown(this.#text);
    const sources = blocks.map((block) => JSON.stringify(block));
    const first = sources.findIndex((source, index) => source !== this.#drawn[index]);
    const numKept = first === -1 ? sources.length : first;
    while (this.#blocks.childNodes.length > numKept) this.#blocks.lastChild?.remove();
    const more = blocks.slice(numKept);
    this.#blocks.append(...more.map((block) => drawBlock(block, this.#events.use)));
    this.#drawn = sources;
  }
}

function note({ state, problem }: Turn): HTMLElement[] {
  const words = problem === "" ? NOTES[state] : problem;
  if (words === "") return [];
  const drawn = element("p", [text(words)]);
  drawn.className = state === "failed" ? "problem" : "note";
  return [drawn];
}
