// The server's life: found, started, started again when it ends, given up. One thing at a time.

import { Backoff } from "./backoff.ts";
import { messageOf } from "./errors.ts";

/** A server process and the connection to it. */
export interface Connection {
  /** Resolves when the server answers, which may be never. */
  start(): Promise<void>;
  /** Ends the server, in whatever state it is; never rejects. */
  end(): Promise<void>;
  /** The last line that the server wrote, or else how it ended; empty where nobody knows. */
  lastWords(): Promise<string>;
}

export type Phase<Link extends Connection> =
  | { readonly name: "stopped" }
  | { readonly name: "missing" }
  | { readonly name: "starting"; readonly connection: Link }
  | { readonly name: "running"; readonly connection: Link }
  /** It has ended, and is started again after a while. */
  | { readonly name: "waiting"; readonly delay: number; readonly cancel: () => void }
  /** Nothing more happens by itself; `why` is for the user. */
  | { readonly name: "failed"; readonly why: string };

/** What the life needs of the world, and whom it tells. */
export interface World<Server, Link extends Connection> {
  /** Returns undefined where there is no server; throws what the user has to mend. */
  find(): Server | undefined;
  /** `ended` is to be called when the connection is gone without having been told to. */
  connect(server: Server, ended: () => void): Link;
  now(): number;
  /** Calls back after `delay` milliseconds; returns what prevents that. */
  after(delay: number, call: () => void): () => void;
  entered(phase: Phase<Link>): void;
}

export class Life<Server, Link extends Connection> {
  readonly #world: World<Server, Link>;
  readonly #backoff = new Backoff();
  #server: Server | undefined;
  #phase: Phase<Link> = { name: "stopped" };
  #changing: Promise<void> = Promise.resolve();

  constructor(world: World<Server, Link>) {
    this.#world = world;
  }

  /** The one that was found last. */
  get server(): Server | undefined {
    return this.#server;
  }

  /** The connection to a server that answers. */
  get connection(): Link | undefined {
    return this.#phase.name === "running" ? this.#phase.connection : undefined;
  }

  /**
   * Finds and starts a server in place of the one that there is. Resolves when it is being started:
   * a server that never answers keeps nobody from trying another.
   */
  async restart(): Promise<void> {
    await this.#inTurn(async () => {
      this.#backoff.reset();
      await this.#end();
      this.#begin();
    });
  }

  /** Ends the server; resolves when that is done. */
  async stop(): Promise<void> {
    await this.#inTurn(() => this.#end());
  }

  async #inTurn(change: () => Promise<void>): Promise<void> {
    this.#changing = this.#changing.then(change, change);
    await this.#changing;
  }

  async #end(): Promise<void> {
    const phase = this.#phase;
    this.#enter({ name: "stopped" });
    if (phase.name === "waiting") phase.cancel();
    if (phase.name === "starting" || phase.name === "running") await phase.connection.end();
  }

  #begin(): void {
    this.#server = undefined;
    try {
      this.#server = this.#world.find();
    } catch (error) {
      this.#enter({ name: "failed", why: messageOf(error) });
      return;
    }
    if (this.#server === undefined) {
      if (!this.#isTriedAgain()) this.#enter({ name: "missing" });
      return;
    }
    const connection = this.#world.connect(this.#server, () => {
      this.#lost(connection, undefined);
    });
    this.#enter({ name: "starting", connection });
    connection.start().then(
      () => {
        this.#started(connection);
      },
      (error: unknown) => {
        this.#lost(connection, error);
      },
    );
  }

  #started(connection: Link): void {
    if (!this.#isCurrent(connection)) {
      void connection.end(); // it was to end before it had begun
      return;
    }
    this.#backoff.started(this.#world.now());
    this.#enter({ name: "running", connection });
  }

  /** A server that ends while it starts is heard of twice: the first time counts. */
  #lost(connection: Link, error: unknown): void {
    if (!this.#isCurrent(connection)) return;
    const hasRun = this.#phase.name === "running";
    if (!this.#isTriedAgain()) void this.#giveUp(connection, hasRun, error);
  }

  #isCurrent(connection: Link): boolean {
    const phase = this.#phase;
    const isThere = phase.name === "starting" || phase.name === "running";
    return isThere && phase.connection === connection;
  }

  #isTriedAgain(): boolean {
    const delay = this.#backoff.ended(this.#world.now());
    if (delay === undefined) return false;
    const cancel = this.#world.after(delay, () => {
      if (this.#phase.name === "waiting") this.#begin();
    });
    this.#enter({ name: "waiting", delay, cancel });
    return true;
  }

  async #giveUp(connection: Link, hasRun: boolean, error: unknown): Promise<void> {
    const ended: Phase<Link> = { name: "stopped" };
    this.#enter(ended);
    const reason = (await connection.lastWords()) || (error === undefined ? "" : messageOf(error));
    if (this.#phase !== ended) return;
    const what = hasRun ? "the server keeps ending" : "the server cannot be started";
    this.#enter({ name: "failed", why: reason === "" ? what : `${what}: ${reason}` });
  }

  #enter(phase: Phase<Link>): void {
    this.#phase = phase;
    this.#world.entered(phase);
  }
}
