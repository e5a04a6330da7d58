// What the chat view and the extension tell each other.

import type { Reference, Transcript } from "./transcript.ts";

export type ToView =
  | { readonly kind: "transcript"; readonly transcript: Transcript }
  /** The growing answer has grown. */
  | { readonly kind: "text"; readonly text: string }
  /** What the next question would come with. */
  | { readonly kind: "references"; readonly references: readonly Reference[] }
  | { readonly kind: "availability"; readonly isAvailable: boolean; readonly whyNot: string }
  | { readonly kind: "focus" };

export type FromView =
  | { readonly kind: "ready" | "stop" | "newChat" | "history" | "addReference" | "openSettings" }
  | { readonly kind: "ask"; readonly question: string }
  | { readonly kind: "removeReference" | "openReference"; readonly reference: Reference }
  | CodeWish;

export interface CodeWish {
  readonly kind: "copy" | "insert" | "apply";
  readonly code: string;
  readonly language: string;
}
