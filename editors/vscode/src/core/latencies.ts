// How long the last answers took.

const NUM_KEPT = 50;

export class Latencies {
  readonly #values: number[] = [];

  add(milliseconds: number): void {
    this.#values.push(milliseconds);
    if (this.#values.length > NUM_KEPT) this.#values.shift();
  }

  summary(): { median: number; last: number } | undefined {
    const last = this.#values.at(-1);
    const sorted = [...this.#values].sort((one, other) => one - other);
    const median = sorted[Math.floor((sorted.length - 1) / 2)];
    return last === undefined || median === undefined ? undefined : { median, last };
  }
}
