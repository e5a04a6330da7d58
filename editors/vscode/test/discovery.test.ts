import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findServer, type Machine } from "../src/core/discovery.ts";
import { commandLine, waysToInstall } from "../src/core/installing.ts";

const NOTHING_WISHED = { command: [], folders: [] };

function machine(programs: string[], environment: Record<string, string> = {}): Machine {
  return {
    platform: "linux",
    home: "/home/ada",
    environment,
    isExecutable: (path) => programs.includes(path),
  };
}

test("a path that is set is taken as it is, and its arguments are kept", () => {
  const found = findServer(
    { command: ["~/py/bin/python", "-m", "lsp_server"], folders: ["/work"] },
    machine(["/work/.venv/bin/fimbria"]),
  );
  assert.equal(found?.command, "/home/ada/py/bin/python");
  assert.deepEqual(found.args, ["-m", "lsp_server"]);
});

test("a bare name that is set is looked for in the same places, the workspace last", () => {
  const everywhere = ["/usr/bin/fimbria", "/home/ada/.local/bin/fimbria", "/w/venv/bin/fimbria"];
  const wishes = { command: ["fimbria", "-v"], folders: ["/w"] };
  for (let gone = 0; gone < everywhere.length; gone += 1) {
    const found = findServer(wishes, machine(everywhere.slice(gone), { PATH: "/usr/bin" }));
    assert.deepEqual([found?.command, found?.args, found?.isSet], [everywhere[gone], ["-v"], true]);
  }
  assert.equal(findServer(wishes, machine([]))?.command, "fimbria");
});

test("the workspace's environment comes before PATH, and PATH before the tools", () => {
  const everywhere = [
    "/two/.venv/bin/fimbria",
    "/usr/bin/fimbria",
    "/home/ada/.local/bin/fimbria",
    "/home/ada/.local/share/uv/tools/fimbria/bin/fimbria",
  ];
  const environment = { PATH: "/bin:/usr/bin" };
  for (let gone = 0; gone < everywhere.length; gone += 1) {
    const found = findServer(
      { command: [], folders: ["/one", "/two"] },
      machine(everywhere.slice(gone), environment),
    );
    assert.equal(found?.command, everywhere[gone]);
  }
});

test("folders of the workspace that are not trusted are not given, and not looked into", () => {
  assert.equal(findServer(NOTHING_WISHED, machine(["/work/.venv/bin/fimbria"])), undefined);
});

test("pipx and uv may keep their things elsewhere", () => {
  const places = {
    PIPX_BIN_DIR: "/p/fimbria",
    UV_TOOL_BIN_DIR: "/p/fimbria",
    UV_TOOL_DIR: "/p/fimbria/bin/fimbria",
    PIPX_HOME: "/p/venvs/fimbria/bin/fimbria",
  };
  for (const [name, program] of Object.entries(places)) {
    const found = findServer(NOTHING_WISHED, machine([program], { [name]: "/p" }));
    assert.equal(found?.command, program, name);
  }
});

test("on Windows programs have another name and place", () => {
  const windows: Machine = {
    platform: "win32",
    home: "C:\\Users\\ada",
    environment: { Path: "C:\\bin;C:\\more" },
    isExecutable: (path) => path === "C:\\work\\.venv\\Scripts\\fimbria.exe",
  };
  const found = findServer({ command: [], folders: ["C:\\work"] }, windows);
  assert.equal(found?.command, "C:\\work\\.venv\\Scripts\\fimbria.exe");
});

test("what is relative on PATH is not looked into: it would be a folder of the workspace", () => {
  const here = machine(["fimbria", "bin/fimbria"], { PATH: ".:bin:" });
  assert.equal(findServer(NOTHING_WISHED, here), undefined);
});

test("ways to install are those that the machine has, as commands to read", () => {
  const here = machine(["/usr/bin/pipx"], { PATH: "/usr/bin" });
  const ways = waysToInstall(here, "/my checkout");
  assert.deepEqual(
    ways.map((way) => commandLine(way.command, here)),
    ["/usr/bin/pipx install '/my checkout'"],
  );
  assert.deepEqual(waysToInstall(machine([]), "fimbria"), []);
});

test("a command that is shown does the same when it is copied into a shell", () => {
  const words = ["printf", "%s|", "$(echo run)", "it's", "`x`", 'a "b"', "C:\\new", "$HOME", "a!b"];
  const shown = commandLine(words, machine([]));
  const printed = execFileSync("/bin/sh", ["-c", shown], { encoding: "utf8" });
  assert.equal(printed, words.slice(2).map((word) => `${word}|`).join(""));
});

test("paths of Windows are shown as they are", () => {
  const windows = { ...machine([]), platform: "win32" };
  const command = ["C:\\uv.exe", "tool", "install", "C:\\my wheels\\f.whl"];
  assert.equal(
    commandLine(command, windows),
    'C:\\uv.exe tool install "C:\\my wheels\\f.whl"',
  );
});

test("uv comes before pipx", () => {
  const both = machine(["/home/ada/.local/bin/uv", "/home/ada/.local/bin/pipx"]);
  assert.deepEqual(
    waysToInstall(both, "fimbria").map((way) => way.label),
    ["uv tool", "pipx"],
  );
});
