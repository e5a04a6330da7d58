// Reads what `fimbria status --json` and `fimbria models list --json` print.

import type { Model } from "./status.ts";

type Json = Readonly<Record<string, unknown>>;

export interface KnownModel {
  readonly name: string;
  readonly detail: string;
  readonly isInUse: boolean;
}

/**
 * Returns the running model: the wanted one, or with "" (the user's config.toml decides) the only
 * one. Which of several others is this window's cannot be told.
 */
export function modelOfStatus(text: string, wanted: string): Model | undefined {
  const status = parsed(text);
  const daemons = isObject(status) ? list(status.daemons) : [];
  const own =
    wanted === ""
      ? daemons
      : daemons.filter((daemon) => daemon.model === wanted || daemon.folder === wanted);
  const [daemon, ...others] = own;
  return daemon === undefined || others.length > 0 ? undefined : modelOfDaemon(daemon);
}

function modelOfDaemon(daemon: Json): Model | undefined {
  const { model: name, device, prompt_tokens: prompt, cached_tokens: cached } = daemon;
  if (typeof name !== "string" || name === "") return undefined;
  const isKnown = typeof prompt === "number" && typeof cached === "number" && prompt > 0;
  return {
    name,
    device: typeof device === "string" && device !== "" ? device : "not known",
    isLoaded: daemon.state === "ready",
    reuse: isKnown ? cached / prompt : undefined,
  };
}

/** Returns the models on this machine. */
export function modelsOfList(text: string): KnownModel[] {
  return list(parsed(text)).flatMap((entry) => {
    const { name, family, context_length: length, problem } = entry;
    if (typeof name !== "string") return [];
    const facts = [
      typeof family === "string" ? family : "",
      typeof length === "number" ? `${length} tokens of context` : "",
      typeof problem === "string" ? problem : "",
    ];
    const detail = facts.filter((fact) => fact !== "").join(" · ");
    return [{ name, detail, isInUse: entry.in_use === true }];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
