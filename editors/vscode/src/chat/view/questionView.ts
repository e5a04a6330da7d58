// Draws a question, which can be changed and sent in its own place.

import type { Reference } from "../../core/transcript.ts";
import { action, element, text } from "./markdownView.ts";

export interface Question {
  readonly words: string;
  readonly references: readonly Reference[];
  /** Not while it is being answered. */
  readonly canBeChanged: boolean;
}

export interface QuestionEvents {
  readonly change: (words: string) => void;
  readonly open: (reference: Reference) => void;
}

export function drawQuestion(question: Question, events: QuestionEvents): HTMLElement {
  const { words, references, canBeChanged } = question;
  const drawn = element("article", [element("p", [text(words)]), ...referenceList(references, events)]);
  drawn.className = "question";
  drawn.setAttribute("aria-label", "You");
  if (canBeChanged) drawn.append(changing(drawn, words, events));
  return drawn;
}

/** The button below a question that puts a form in the place of its words. */
function changing(drawn: HTMLElement, words: string, { change }: QuestionEvents): HTMLElement {
  const shown = drawn.firstElementChild;
  const bar = element("div", []);
  const edit = action("Edit", "Edit this question and ask it in its place", () => {
    const form = editor(words, change, () => {
      form.replaceWith(...(shown === null ? [] : [shown]));
      bar.hidden = false;
      edit.focus();
    });
    shown?.replaceWith(form);
    bar.hidden = true;
    form.querySelector("textarea")?.focus();
  });
  bar.className = "turn-bar";
  bar.append(edit);
  return bar;
}

function editor(words: string, change: (words: string) => void, leave: () => void): HTMLElement {
  const field = document.createElement("textarea");
  field.value = words;
  field.rows = Math.min(12, words.split("\n").length + 1);
  field.setAttribute("aria-label", "The question in other words. What followed it is taken back");
  const send = (): void => {
    if (field.value.trim() !== "") change(field.value.trim());
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation(); // an answer elsewhere goes on
      leave();
    }
  });
  const buttons = element("div", [
    action("Ask instead", "Ask this in its place; what followed is taken back", send),
    action("Cancel", "Leave the question as it is", leave),
  ]);
  buttons.className = "turn-bar";
  const form = element("div", [field, buttons]);
  form.className = "editing";
  return form;
}

function referenceList(
  references: readonly Reference[],
  { open }: QuestionEvents,
): HTMLElement[] {
  if (references.length === 0) return [];
  const items = references.map((reference) => {
    const button = action(reference.label, "", () => {
      open(reference);
    });
    button.className = "link";
    const problem = reference.problem === undefined ? [] : [text(` ${reference.problem}`)];
    return element("li", [button, ...problem]);
  });
  const list = element("ul", items);
  list.className = "references";
  list.setAttribute("aria-label", "References");
  return [list];
}
