// Writes down what VS Code's page draws, is told and gets as keys, all by the page's own clock.
//
// `ghostRecorder.begin()` forgets all and notes what is drawn now; `ghostRecorder.records` is a list
// of
//   ["key", at, name],
//   ["frame", at, top of the cursor's line, its text, ghost text],
//   ["asked", at, number] and
//   ["told", at, number, how many suggestions, or -1 if nobody wants them any more];
// `at` is in milliseconds of `performance.now()`.
globalThis.ghostRecorder ??= (() => {
  const editor = document.querySelector(".editor-group-container .monaco-editor");
  const records = [];
  let last = "";

  const plain = (element) => element.textContent.replaceAll("\u00a0", " ").replaceAll("\u200b", "");
  const isGhost = (element) => /ghost-text-decoration/.test(element.className);

  /** Reads no measures of the page, because that would make it compute its layout. */
  function drawn() {
    const cursor = editor.querySelector(".cursors-layer .cursor");
    const lines = [...editor.querySelectorAll(".view-lines > .view-line")];
    const line = lines.find((one) => one.style.top === cursor?.style.top);
    const parts = line ? [...line.querySelectorAll(":scope > span > span")] : [];
    const text = parts.filter((part) => !isGhost(part)).map(plain).join("");
    const more = [...editor.querySelectorAll(".view-zones > div")]
      .filter((zone) => zone.style.display !== "none")
      .flatMap((zone) => [...zone.querySelectorAll(".suggest-preview-text .view-line")]);
    const ghost = [parts.filter(isGhost).map(plain).join(""), ...more.map(plain)].join("\n").trimEnd();
    return [parseFloat(cursor?.style.top ?? "-1"), text, ghost];
  }

  function note() {
    const state = drawn();
    const now = JSON.stringify(state);
    if (now === last) return;
    records.push(["frame", performance.now(), ...state]);
    last = now;
  }

  // The page draws its lines in requestAnimationFrame; what observes them is called behind that, in
  // the same frame.
  const observer = new MutationObserver(note);
  for (const part of [".view-lines", ".view-zones"]) {
    const wanted = { subtree: true, childList: true, characterData: true, attributes: true };
    observer.observe(editor.querySelector(part), { ...wanted, attributeFilter: ["style", "class"] });
  }

  const noteKey = (event) => records.push(["key", event.timeStamp, event.key]);
  globalThis.addEventListener("keydown", noteKey, { capture: true });

  // `editor.inlineSuggest.logFetch` has VS Code tell of each question and its answer in the console.
  const log = console.log;
  console.log = (...words) => {
    const [, fetch] = String(words.find((word) => /^InlineCompletions\.fetch @@ /.test(word)) ?? "").split(" @@ ", 2);
    if (fetch === undefined) return log(...words);
    const { kind, requestId, error, result } = JSON.parse(fetch);
    if (kind === "start") records.push(["asked", performance.now(), requestId]);
    if (kind === "end") records.push(["told", performance.now(), requestId, error ? -1 : result.length]);
  };

  function begin() {
    records.length = 0;
    last = "";
    note();
  }
  return { records, begin };
})();
