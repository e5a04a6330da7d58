// The chat view's page: no inline script or style, nothing from elsewhere.

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";

export function page(webview: vscode.Webview, extension: vscode.Uri): string {
  const nonce = randomBytes(16).toString("base64");
  const address = (...path: string[]): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extension, ...path)).toString();
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="UTF-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="${address("media", "chat.css")}">
  <title>Fimbria chat</title>
</head>
<body>
  <main id="turns" role="log" aria-live="off" aria-label="Conversation" tabindex="0"></main>
  <p id="announcement" class="visually-hidden" role="status" aria-live="polite"></p>
  <section id="unavailable" hidden>
    <p id="why"></p>
    <div id="remedies" class="turn-bar"></div>
  </section>
  <form id="form" aria-label="Ask">
    <ul id="references" aria-label="What the question comes with"></ul>
    <textarea id="question" rows="3" aria-label="Question" aria-describedby="keys"
      placeholder="Ask about the code"></textarea>
    <div class="row">
      <span id="keys">Enter asks, Shift+Enter begins a line</span>
      <button type="submit" id="ask">Ask</button>
      <button type="button" id="stop" hidden>Stop</button>
    </div>
  </form>
  <script nonce="${nonce}" src="${address("dist", "chat.js")}"></script>
</body>
</html>`;
}
