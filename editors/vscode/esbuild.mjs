// Bundles the extension for VS Code's extension host, which loads CommonJS, and the chat view's
// page for the browser that draws it.
import { copyFile } from "node:fs/promises";
import { build } from "esbuild";

const shared = { bundle: true, minify: true, logLevel: "warning", target: "es2022" };

await build({
  ...shared,
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.cjs",
  platform: "node",
  format: "cjs",
  external: ["vscode"],
});

await build({
  ...shared,
  entryPoints: ["src/chat/view/main.ts"],
  outfile: "dist/chat.js",
  platform: "browser",
  format: "iife",
});

// vsce packages the licence from the extension's own folder.
await copyFile("../../LICENSE", "LICENSE");
