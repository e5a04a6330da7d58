// What the status bar shows.

export interface Model {
  readonly name: string;
  readonly device: string;
  /** Whether it answers; else it is being loaded, or could not be. */
  readonly isLoaded: boolean;
  /** Share of all prompt tokens that were in the cache, 0 to 1; undefined before the first. */
  readonly reuse: number | undefined;
}

export type ServerState = "searching" | "missing" | "starting" | "running" | "restarting" | "ended";

/** All that is known; what is shown follows from it. */
export interface Facts {
  readonly server: ServerState;
  readonly loading: { readonly message: string; readonly percentage: number } | undefined;
  readonly failure: string | undefined;
  readonly silence: string | undefined;
  readonly isThinking: boolean;
  readonly model: Model | undefined;
  /** Why the model says less in the document in front than elsewhere. */
  readonly reticence: string | undefined;
  /** Milliseconds from asking to answer. */
  readonly latency: { readonly median: number; readonly last: number } | undefined;
}

export const NOTHING_KNOWN: Facts = {
  server: "searching",
  loading: undefined,
  failure: undefined,
  silence: undefined,
  isThinking: false,
  model: undefined,
  reticence: undefined,
  latency: undefined,
};

export type Severity = "none" | "warning" | "error";

export interface Shown {
  /** Text of the item, with `$(icon)`. */
  readonly text: string;
  /** The same in words, for screen readers and as the tooltip's first line. */
  readonly label: string;
  readonly severity: Severity;
}

export function shown(facts: Facts): Shown {
  return shownServer(facts) ?? shownModel(facts);
}

function shownServer(facts: Facts): Shown | undefined {
  switch (facts.server) {
    case "missing":
      return { text: "$(warning) Fimbria", label: "Fimbria is not installed", severity: "error" };
    case "ended": {
      const why = facts.failure ?? "the server has ended";
      return { text: "$(error) Fimbria", label: `Fimbria: ${why}`, severity: "error" };
    }
    case "restarting":
      return spinning("Fimbria's server has ended and is started again", "warning");
    case "searching":
    case "starting":
      return spinning("Fimbria is starting", "none");
    case "running":
      return undefined;
  }
}

function shownModel(facts: Facts): Shown {
  if (facts.loading !== undefined) {
    const percent = `${Math.round(facts.loading.percentage)} %`;
    const what = facts.loading.message || "loading the model";
    return {
      text: `$(loading~spin) Fimbria ${percent}`,
      label: `Fimbria: ${what}, ${percent}`,
      severity: "none",
    };
  }
  if (facts.silence !== undefined) {
    const label = `Fimbria is paused: ${facts.silence}`;
    return { text: "$(debug-pause) Fimbria", label, severity: "none" };
  }
  if (facts.failure !== undefined) {
    const label = `Fimbria: ${facts.failure}`;
    return { text: "$(warning) Fimbria", label, severity: "warning" };
  }
  if (facts.isThinking) return spinning("Fimbria is thinking", "none");
  return { text: "$(sparkle) Fimbria", label: "Fimbria is ready", severity: "none" };
}

function spinning(label: string, severity: Severity): Shown {
  return { text: "$(loading~spin) Fimbria", label, severity };
}

/** Returns the tooltip's lines: what is shown in words, then the model's figures while it runs. */
export function tooltipLines(facts: Facts): string[] {
  const lines = [shown(facts).label];
  if (facts.server !== "running") return lines; // what is known is of one that is no more
  if (facts.model !== undefined) lines.push(`Model: ${facts.model.name}`, `Device: ${facts.model.device}`);
  if (facts.reticence !== undefined) lines.push(facts.reticence);
  if (facts.latency !== undefined) {
    const { last, median } = facts.latency;
    lines.push(`Answers: ${milliseconds(last)} last, ${milliseconds(median)} in the middle`);
  }
  if (facts.model?.reuse !== undefined) {
    lines.push(`Prompt tokens from the cache: ${Math.round(100 * facts.model.reuse)} %`);
  }
  return lines;
}

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}
