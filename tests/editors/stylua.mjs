// node stylua.mjs PACKAGES STYLUA.TOML [--write] FILE…: which files StyLua would lay out otherwise.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, settings, ...rest] = process.argv.slice(2);
const stylua = createRequire(`${packages}/`)("@johnnymorganz/stylua");
const write = rest[0] === "--write";
const files = write ? rest.slice(1) : rest;

/** Formatting consumes a configuration, so each file gets one of its own. */
function configuration() {
  const kinds = { indent_type: stylua.IndentType, quote_style: stylua.QuoteStyle };
  const config = stylua.Config.new();
  for (const [, name, value] of readFileSync(settings, "utf8").matchAll(/^(\w+) = (.+)$/gm)) {
    const plain = JSON.parse(value);
    config[name] = name in kinds ? kinds[name][plain] : plain;
  }
  return config;
}

let failed = false;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  const checked = stylua.OutputVerification.Full;
  const formatted = stylua.formatCode(text, configuration(), undefined, checked);
  if (formatted === text) continue;
  if (write) {
    writeFileSync(file, formatted);
  } else {
    console.log(`${file} is not laid out as StyLua does; run it with --write`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
