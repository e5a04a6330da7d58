// A browser that does what it is told on standard input, in lines of JSON.
//
//   node vscode_browser.mjs PACKAGES CHROMIUM
//
// PACKAGES is a folder whose node_modules has playwright-core. A line is
// {"call": NAME, "args": [...]}; the answer to it {"value": ...} or {"error": TEXT}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const [packages, executablePath] = process.argv.slice(2);
const { chromium } = createRequire(path.join(packages, "package.json"))("playwright-core");
const PATIENCE_MS = 40_000;
const QUIET = ["no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"];
const ROOT_IN_A_CONTAINER = ["no-sandbox", "disable-gpu", "disable-quic"];

const browser = await chromium.launch({
  executablePath,
  args: [...QUIET, ...ROOT_IN_A_CONTAINER].map((name) => `--${name}`),
});
const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
await context.grantPermissions(["clipboard-read", "clipboard-write"]);
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE_MS);

/** Webviews are frames in frames; the innermost has the content. */
async function inFrames(read) {
  const answers = [];
  for (const frame of page.frames()) answers.push(await frame.evaluate(read.body, read.arg).catch(() => null));
  return answers;
}

const visibleTexts = (selector) =>
  [...document.querySelectorAll(selector)]
    .filter((element) => element.getClientRects().length > 0)
    .map((element) => element.innerText.replaceAll("\u00a0", " "));

async function frameWith(selector) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    for (const frame of page.frames()) {
      if ((await frame.locator(selector).count().catch(() => 0)) > 0) return frame;
    }
    if (Date.now() > deadline) throw new Error(`no frame with ${selector}`);
    await page.waitForTimeout(50);
  }
}

const calls = {
  isOpen: () => page.url() !== "about:blank",
  open: (url) => page.goto(url),
  waitFor: (selector) => page.locator(selector).first().waitFor({ state: "visible" }),
  click: (selector) => page.locator(selector).first().click(),
  hover: (selector) => page.locator(selector).first().hover(),
  doubleClick: (selector) => page.locator(selector).first().dblclick(),
  type: (text, delay) => page.keyboard.type(text, { delay }),
  press: (key) => page.keyboard.press(key),
  typeEach: async (texts, pace) => {
    // One text each `pace` milliseconds; what follows a text's first character comes with it.
    const began = performance.now();
    for (const [at, text] of texts.entries()) {
      await wait(began + at * pace - performance.now());
      await page.keyboard.type(text[0]);
      if (text.length > 1) await page.keyboard.insertText(text.slice(1));
    }
    await wait(began + texts.length * pace - performance.now());
  },
  evaluate: (script) => page.evaluate(script),
  texts: (selector) => page.evaluate(visibleTexts, selector),
  attribute: (selector, name) => page.locator(selector).first().getAttribute(name),
  count: (selector) => page.locator(selector).count(),
  lines: () =>
    page.evaluate(() =>
      [...document.querySelectorAll(".monaco-editor .view-lines .view-line")]
        .sort((one, other) => parseFloat(one.style.top) - parseFloat(other.style.top))
        .map((line) => line.innerText.replaceAll("\u00a0", " ")),
    ),
  placeholders: (selector) =>
    page.evaluate(
      (inputs) => [...document.querySelectorAll(inputs)].map((input) => input.placeholder),
      selector,
    ),
  screenshot: (file) => page.screenshot({ path: file }).then(() => file),
  frameTexts: async (selector) => (await inFrames({ body: visibleTexts, arg: selector })).flat().filter(Boolean),
  frameFill: async (selector, text) => (await frameWith(selector)).locator(selector).first().fill(text),
  framePress: async (selector, key) => (await frameWith(selector)).locator(selector).first().press(key),
  frameWaitFor: async (selector) => (await frameWith(selector)).locator(selector).first().waitFor(),
  frameValue: async (selector) => (await frameWith(selector)).locator(selector).first().inputValue(),
  frameStyle: async (selector, name) =>
    (await frameWith(selector)).locator(selector).first()
      .evaluate((element, property) => getComputedStyle(element).getPropertyValue(property), name),
  frameTop: async (selector) =>
    (await (await frameWith(selector)).locator(selector).first().boundingBox()).y,
  frameClick: async (selector) => (await frameWith(selector)).locator(selector).first().click(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, args } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await calls[call](...args)) ?? null };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  if (typeof answer.value === "object" && answer.value !== null && !Array.isArray(answer.value)) answer.value = null;
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
