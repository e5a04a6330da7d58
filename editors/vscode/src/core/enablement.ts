// Whether ghost text is wanted, and if not, why.

export interface Wanted {
  /** `fimbria.enabled`. */
  readonly isEnabled: boolean;
  /** `fimbria.languages`: language id → wanted; `*` for those not named. */
  readonly languages: Readonly<Record<string, boolean>>;
  /** `editor.inlineSuggest.enabled` for the document. */
  readonly isInlineSuggestEnabled: boolean;
  /** Snoozed until then, in milliseconds since 1970; 0 for not. */
  readonly snoozedUntil: number;
}

/** Returns why nothing shall be shown in a document of a language now; undefined if it shall. */
export function reasonForSilence(
  wanted: Wanted,
  languageId: string | undefined,
  now: number,
): string | undefined {
  if (!wanted.isEnabled) return "ghost text is switched off";
  if (wanted.snoozedUntil > now) return `snoozed until ${clock(wanted.snoozedUntil)}`;
  if (!wanted.isInlineSuggestEnabled) return "editor.inlineSuggest.enabled is off";
  if (languageId !== undefined && !isLanguageWanted(wanted.languages, languageId)) {
    return `switched off for ${languageId}`;
  }
  return undefined;
}

export function isLanguageWanted(
  languages: Readonly<Record<string, boolean>>,
  languageId: string,
): boolean {
  return languages[languageId] ?? languages["*"] ?? true;
}

/**
 * Returns one scope's table of languages with one of them switched over; `languages` is what holds
 * in all.
 */
export function withLanguageToggled(
  ofScope: Readonly<Record<string, boolean>>,
  languages: Readonly<Record<string, boolean>>,
  languageId: string,
): Record<string, boolean> {
  return { ...ofScope, [languageId]: !isLanguageWanted(languages, languageId) };
}

function clock(time: number): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
