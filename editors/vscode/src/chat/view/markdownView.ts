// Draws parsed Markdown. Texts become text nodes, so that nothing of an answer is ever run.

import type { CodeWish } from "../../core/chatMessages.ts";
import type { Block, Cell, Inline } from "../../core/markdown.ts";

export type UseCode = (wish: CodeWish) => void;

const ACTIONS: readonly { kind: CodeWish["kind"]; label: string; title: string }[] = [
  { kind: "copy", label: "Copy", title: "Copy this code" },
  { kind: "insert", label: "Insert", title: "Insert this code at the cursor" },
  { kind: "apply", label: "Apply as diff", title: "Put this code where it belongs in the file" },
];

function drawBlocks(blocks: readonly Block[], use: UseCode): Node[] {
  return blocks.map((block) => drawBlock(block, use));
}

/** Draws one block. */
export function drawBlock(block: Block, use: UseCode): Node {
  switch (block.kind) {
    case "paragraph":
      return element("p", drawInlines(block.inlines));
    case "heading":
      return element(`h${Math.min(6, block.level + 2)}`, drawInlines(block.inlines));
    case "code":
      return drawCode(block.text, block.language, use);
    case "list":
      return drawList(block.start, block.items, use);
    case "quote":
      return element("blockquote", drawBlocks(block.blocks, use));
    case "table":
      return drawTable(block.head, block.rows);
    case "rule":
      return element("hr", []);
  }
}

function drawList(
  start: number | undefined,
  items: readonly (readonly Block[])[],
  use: UseCode,
): HTMLElement {
  const drawn = items.map((item) => element("li", drawBlocks(item, use)));
  const list = element(start === undefined ? "ul" : "ol", drawn);
  if (start !== undefined) list.setAttribute("start", String(start));
  return list;
}

function drawCode(code: string, language: string, use: UseCode): HTMLElement {
  const name = language === "" ? "Code" : `Code, ${language}`;
  const buttons = ACTIONS.map(({ kind, label, title }) =>
    action(label, title, () => {
      use({ kind, code, language });
    }),
  );
  const bar = element("div", [element("span", [text(language)]), ...buttons]);
  bar.className = "code-bar";
  const pre = element("pre", [element("code", [text(code)])]);
  pre.tabIndex = 0; // so that the keyboard can scroll it
  const figure = element("figure", [bar, pre]);
  figure.setAttribute("aria-label", name);
  return figure;
}

function drawTable(head: readonly Cell[], rows: readonly (readonly Cell[])[]): HTMLElement {
  const row = (name: "th" | "td", cells: readonly Cell[]): HTMLElement =>
    element("tr", cells.map((cell) => drawCell(name, cell)));
  const body = rows.map((cells) => row("td", cells));
  const table = element("table", [element("thead", [row("th", head)]), element("tbody", body)]);
  const scrolled = element("div", [table]);
  scrolled.className = "table";
  scrolled.tabIndex = 0; // so that the keyboard can scroll it
  scrolled.setAttribute("role", "group");
  scrolled.setAttribute("aria-label", "Table");
  return scrolled;
}

function drawCell(name: "th" | "td", { inlines, side }: Cell): HTMLElement {
  const cell = element(name, drawInlines(inlines));
  if (side !== undefined) cell.className = side;
  return cell;
}

function drawInlines(inlines: readonly Inline[]): Node[] {
  return inlines.map(drawInline);
}

function drawInline(inline: Inline): Node {
  switch (inline.kind) {
    case "text":
      return text(inline.text);
    case "code":
      return element("code", [text(inline.text)]);
    case "strong":
      return element("strong", drawInlines(inline.inlines));
    case "emphasis":
      return element("em", drawInlines(inline.inlines));
    case "link": {
      const link = element("a", drawInlines(inline.inlines));
      link.setAttribute("href", inline.href);
      link.title = inline.href;
      return link;
    }
  }
}

/** A button that does something. */
export function action(label: string, title: string, act: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.title = title;
  button.addEventListener("click", act);
  return button;
}

export function element(name: string, children: readonly Node[]): HTMLElement {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

export function text(value: string): Text {
  return document.createTextNode(value);
}
