// Bundles the extension into one file for VS Code's extension host, which loads CommonJS.
import { copyFile } from "node:fs/promises";
import { build } from "esbuild";

const shared = { bundle: true, minify: true, sourcemap: false, logLevel: "warning", target: "es2022" };

await build({
  ...shared,
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.cjs",
  platform: "node",
  format: "cjs",
  external: ["vscode"],
});

// vsce packages the licence from the extension's own folder.
await copyFile("../../LICENSE", "LICENSE");
