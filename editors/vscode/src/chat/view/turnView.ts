// Draws one question and its answer, each anew only when it has changed.

import { parseMarkdown } from "../../core/markdown.ts";
import type { Reference, State, Turn } from "../../core/transcript.ts";
import { action, drawBlocks, element, text, type UseCode } from "./markdownView.ts";
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
  #answer = element("article", []);
  #blocks = element("div", []);
  #note: HTMLElement[] = [];
  #questionSource = "";
  #answerSource = "";
  #text = "";
  #isDrawing = false;

  constructor(events: TurnEvents) {
    this.#events = events;
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
    this.#blocks = element("div", []);
    this.#note = note(turn);
    const bar = turn.state === "growing" ? [] : this.#bar(turn.answer, isLast);
    const drawn = element("article", [this.#blocks, ...this.#note, ...bar]);
    drawn.className = "answer";
    drawn.setAttribute("aria-label", "Fimbria");
    drawn.setAttribute("aria-busy", String(turn.state === "growing"));
    this.#text = turn.answer;
    this.#draw();
    this.#answer.replaceWith(drawn);
    this.#answer = drawn;
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

  #draw(): void {
    this.#blocks.replaceChildren(...drawBlocks(parseMarkdown(this.#text), this.#events.use));
  }
}

function note({ state, problem }: Turn): HTMLElement[] {
  const words = problem === "" ? NOTES[state] : problem;
  if (words === "") return [];
  const drawn = element("p", [text(words)]);
  drawn.className = state === "failed" ? "problem" : "note";
  return [drawn];
}
