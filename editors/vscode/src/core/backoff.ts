// How long to wait before a server that has ended is started again.

export const FIRST_DELAY_MS = 500;
export const LONGEST_DELAY_MS = 30_000;
/** A server that has run this long was fine: the next end is a first one again. */
export const STEADY_MS = 60_000;
export const MAX_ENDS_IN_A_ROW = 8;

export class Backoff {
  #endsInARow = 0;
  #startedAt: number | undefined;

  /** The server answers. */
  started(now: number): void {
    this.#startedAt = now;
  }

  /**
   * The server has ended without being told to. Returns how long to wait before the next start, or
   * undefined when starting it again is pointless: it never answered, or keeps ending.
   */
  ended(now: number): number | undefined {
    if (this.#startedAt === undefined && this.#endsInARow === 0) return undefined;
    if (this.#startedAt !== undefined && now - this.#startedAt >= STEADY_MS) this.#endsInARow = 0;
    this.#startedAt = undefined;
    this.#endsInARow += 1;
    if (this.#endsInARow > MAX_ENDS_IN_A_ROW) return undefined;
    return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#endsInARow - 1));
  }

  /** The user starts it: everything begins anew. */
  reset(): void {
    this.#endsInARow = 0;
    this.#startedAt = undefined;
  }
}
