import assert from "node:assert/strict";
import { test } from "node:test";
import { FIRST_DELAY_MS, MAX_ENDS_IN_A_ROW } from "../src/core/backoff.ts";
import { Life, type Connection, type Phase } from "../src/core/life.ts";

/** A promise that the test decides. */
class Decision {
  resolve: () => void = () => undefined;
  reject: (why: Error) => void = () => undefined;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** A server that answers, fails or ends when the test says so. */
class FakeServer implements Connection {
  readonly program: string;
  readonly crash: () => void;
  words = "";
  wasEnded = false;
  /** What ending it waits for. */
  goodbye: Promise<void> = Promise.resolve();
  readonly #started = new Decision();

  constructor(program: string, ended: () => void) {
    this.program = program;
    this.crash = ended;
  }

  answer(): void {
    this.#started.resolve();
  }

  fail(why: string): void {
    this.#started.reject(new Error(why));
  }

  async start(): Promise<void> {
    await this.#started.promise;
  }

  async end(): Promise<void> {
    this.wasEnded = true;
    await this.goodbye;
  }

  lastWords(): Promise<string> {
    return Promise.resolve(this.words);
  }
}

/** A machine with one program, whose clock stands still until the test lets a wait be over. */
class FakeWorld {
  program: string | undefined = "fimbria";
  problem: string | undefined;
  readonly servers: FakeServer[] = [];
  readonly phases: Phase<FakeServer>[] = [];
  readonly waits: (() => void)[] = [];
  readonly life: Life<string, FakeServer>;

  constructor() {
    this.life = new Life<string, FakeServer>({
      find: () => {
        if (this.problem !== undefined) throw new Error(this.problem);
        return this.program;
      },
      connect: (program, ended) => {
        this.servers.push(new FakeServer(program, ended));
        return this.newest;
      },
      now: () => 0,
      after: (_delay, call) => {
        this.waits.push(call);
        return () => this.waits.splice(this.waits.indexOf(call), 1);
      },
      entered: (phase) => this.phases.push(phase),
    });
  }

  get newest(): FakeServer {
    const newest = this.servers.at(-1);
    assert.ok(newest, "a server was started");
    return newest;
  }

  get now(): Phase<FakeServer> | undefined {
    return this.phases.at(-1);
  }

  /** The waiting is over. */
  waited(): void {
    const calls = this.waits.splice(0);
    for (const call of calls) call();
  }
}

/** Lets everything happen that waits for nothing. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function running(): Promise<FakeWorld> {
  const world = new FakeWorld();
  await world.life.restart();
  world.newest.answer();
  await settled();
  assert.equal(world.now?.name, "running");
  return world;
}

test("a server that is found is started, and can be asked once it answers", async () => {
  const world = new FakeWorld();
  await world.life.restart();
  assert.equal(world.now?.name, "starting");
  assert.equal(world.life.connection, undefined);
  world.newest.answer();
  await settled();
  assert.equal(world.life.connection, world.newest);
});

test("a server that has ended is not asked, and is started again after a while", async () => {
  const world = await running();
  world.newest.crash();
  assert.equal(world.life.connection, undefined);
  assert.deepEqual(world.now?.name === "waiting" && world.now.delay, FIRST_DELAY_MS);
  world.waited();
  world.newest.answer();
  await settled();
  assert.equal(world.servers.length, 2);
  assert.equal(world.life.connection, world.newest);
});

test("a program that is away for a moment is tried again, and looked for anew", async () => {
  const world = await running();
  world.newest.crash();
  world.waited();
  world.newest.fail("spawn ENOENT");
  await settled();
  assert.equal(world.now?.name, "waiting");
  world.program = undefined;
  world.waited();
  assert.equal(world.now.name, "waiting");
  world.program = "/new/fimbria";
  world.waited();
  world.newest.answer();
  await settled();
  assert.equal(world.life.connection?.program, "/new/fimbria");
});

test("a program that stays away is missing in the end", async () => {
  const world = await running();
  world.program = undefined;
  world.newest.crash();
  for (let count = 0; count < MAX_ENDS_IN_A_ROW; count += 1) world.waited();
  assert.equal(world.now?.name, "missing");
  assert.deepEqual(world.waits, []);
});

test("a restart while it waits starts one server, and nothing later", async () => {
  const world = await running();
  world.newest.crash();
  await world.life.restart();
  world.newest.answer();
  await settled();
  assert.deepEqual(world.waits, []);
  assert.equal(world.servers.length, 2);
  assert.equal(world.now?.name, "running");
});

test("a server that never answers can be replaced", async () => {
  const world = new FakeWorld();
  await world.life.restart();
  const hung = world.newest;
  world.program = "/other/fimbria";
  await world.life.restart();
  assert.equal(hung.wasEnded, true);
  world.newest.answer();
  await settled();
  assert.equal(world.life.connection?.program, "/other/fimbria");
  hung.crash();
  hung.fail("Pending response rejected");
  await settled();
  assert.equal(world.life.connection.program, "/other/fimbria");
});

test("a server that answers after it was replaced is ended", async () => {
  const world = new FakeWorld();
  await world.life.restart();
  const late = world.newest;
  await world.life.restart();
  late.wasEnded = false;
  late.answer();
  await settled();
  assert.equal(late.wasEnded, true);
  assert.equal(world.now?.name, "starting");
});

test("a broken server is told once, with its own last words", async () => {
  const world = new FakeWorld();
  await world.life.restart();
  world.newest.words = "ModuleNotFoundError: No module named 'pygls'";
  world.newest.crash();
  world.newest.fail("write EPIPE");
  await settled();
  const failures = world.phases.filter((phase) => phase.name === "failed");
  assert.deepEqual(failures, [
    {
      name: "failed",
      why: "the server cannot be started: ModuleNotFoundError: No module named 'pygls'",
    },
  ]);
  assert.deepEqual(world.waits, []);
});

test("a program that cannot be run is told with the system's reason", async () => {
  const world = new FakeWorld();
  await world.life.restart();
  world.newest.fail("spawn / EACCES");
  await settled();
  assert.deepEqual(world.now, {
    name: "failed",
    why: "the server cannot be started: spawn / EACCES",
  });
});

test("a server that keeps ending is left alone, and said to", async () => {
  const world = await running();
  for (let count = 0; count <= MAX_ENDS_IN_A_ROW; count += 1) {
    world.newest.words = "out of memory";
    world.newest.crash();
    world.waited();
    if (count < MAX_ENDS_IN_A_ROW) world.newest.answer();
    await settled();
  }
  assert.deepEqual(world.now, { name: "failed", why: "the server keeps ending: out of memory" });
});

test("a restart while the last words are waited for is not told of the failure", async () => {
  const world = new FakeWorld();
  await world.life.restart();
  world.newest.crash();
  await world.life.restart();
  await settled();
  assert.equal(world.now?.name, "starting");
});

test("a setting that makes no sense is told, and a right one starts a server", async () => {
  const world = new FakeWorld();
  world.problem = "a list of texts, please";
  await world.life.restart();
  assert.deepEqual(world.now, { name: "failed", why: "a list of texts, please" });
  world.problem = undefined;
  await world.life.restart();
  assert.equal(world.now.name, "starting");
});

test("without a server nothing is started until somebody asks again", async () => {
  const world = new FakeWorld();
  world.program = undefined;
  await world.life.restart();
  assert.equal(world.now?.name, "missing");
  assert.deepEqual(world.waits, []);
  world.program = "fimbria";
  await world.life.restart();
  assert.equal(world.now.name, "starting");
});

test("stopping waits for the server's goodbye, and is no crash", async () => {
  const world = await running();
  const goodbye = new Decision();
  world.newest.goodbye = goodbye.promise;
  let isOver = false;
  const stopping = world.life.stop().then(() => (isOver = true));
  await settled();
  world.newest.crash();
  assert.equal(isOver, false);
  goodbye.resolve();
  await stopping;
  assert.equal(world.now?.name, "stopped");
  assert.deepEqual(world.waits, []);
});
