// Answers that come after the editor has stopped waiting for them.
//
// VS Code cancels an automatic request for ghost text after 750 ms and does not ask again, so that
// a model that needs a second would never be seen. Here the work goes on as long as neither the
// text nor the cursor has changed; when it is done, the editor is made to ask once more and is
// answered from what is there.

/** Where ghost text was asked for. `selected`: the chosen entry of a completion menu, or "". */
export interface Place {
  readonly uri: string;
  readonly version: number;
  readonly line: number;
  readonly character: number;
  readonly selected: string;
}

/** The editor's patience. */
export interface Patience {
  readonly isOver: boolean;
  whenOver(call: () => void): void;
}

/** What the editor tells, and does when asked. */
export interface LateHost {
  /** Where the cursor is now, if ghost text could be shown there. */
  cursor(): Place | undefined;
  /** Makes the editor ask for ghost text. */
  show(): unknown;
}

export type Ask<Answer> = (signal: AbortSignal) => Promise<Answer | null>;

interface Work<Answer> {
  readonly place: Place;
  readonly abort: AbortController;
  readonly answer: Promise<Answer | null>;
  isDone: boolean;
  /** The editor is being made to ask for this, and shall get it once, whatever way it asks. */
  isOffered: boolean;
  /** Begun before the editor has asked, which shall get it once, also if it is done by then. */
  isAhead: boolean;
}

export class LateAnswers<Answer> {
  readonly #host: LateHost;
  readonly #isEmpty: (answer: Answer) => boolean;
  #work: Work<Answer> | undefined;

  constructor(host: LateHost, isEmpty: (answer: Answer) => boolean) {
    this.#host = host;
    this.#isEmpty = isEmpty;
  }

  /**
   * Answers the editor's request: from work for the same place if some goes on, else by `ask`.
   * Null once the editor's patience is over. An explicit request is asked anew, because it wants
   * all candidates.
   */
  async provide(
    place: Place,
    isExplicit: boolean,
    patience: Patience,
    ask: Ask<Answer>,
  ): Promise<Answer | null> {
    const work = this.#usable(place, isExplicit) ?? this.#begin(place, ask);
    const over = new Promise<null>((resolve) => {
      patience.whenOver(() => {
        resolve(null);
      });
    });
    const answer = patience.isOver ? null : await Promise.race([work.answer, over]);
    if (patience.isOver) {
      this.#showWhenDone(work);
      return null;
    }
    work.isOffered = false;
    work.isAhead = false;
    return answer;
  }

  /** Begins the work for what the editor is about to ask. */
  ahead(place: Place, ask: Ask<Answer>): void {
    if (this.#work !== undefined && isSamePlace(this.#work.place, place)) return;
    this.#begin(place, ask).isAhead = true;
  }

  /** To be called when a text or the cursor has changed: ends work for anywhere else. */
  moved(): void {
    const work = this.#work;
    if (work === undefined) return;
    const cursor = this.#host.cursor();
    if (cursor === undefined || !isSamePosition(cursor, work.place)) this.drop();
  }

  /** Ends all work. */
  drop(): void {
    this.#work?.abort.abort();
    this.#work = undefined;
  }

  #usable(place: Place, isExplicit: boolean): Work<Answer> | undefined {
    const work = this.#work;
    if (work === undefined || !isSamePlace(work.place, place)) return undefined;
    const isToBeHad = work.isAhead || !work.isDone;
    return work.isOffered || (!isExplicit && isToBeHad) ? work : undefined;
  }

  #begin(place: Place, ask: Ask<Answer>): Work<Answer> {
    this.drop();
    const abort = new AbortController();
    const answer = ask(abort.signal);
    const work = { place, abort, answer, isDone: false, isOffered: false, isAhead: false };
    const done = (outcome: Answer | null): void => {
      work.isDone = true;
      work.isAhead &&= outcome !== null;
    };
    answer.then(done, () => {
      done(null);
    });
    this.#work = work;
    return work;
  }

  #showWhenDone(work: Work<Answer>): void {
    work.answer.then(
      (answer) => {
        const cursor = this.#host.cursor();
        if (this.#work !== work || cursor === undefined || answer === null) return;
        if (work.isOffered || this.#isEmpty(answer) || !isSamePosition(cursor, work.place)) return;
        work.isOffered = true;
        this.#host.show();
      },
      () => undefined, // whoever asks again is told
    );
  }
}

function isSamePlace(one: Place, other: Place): boolean {
  return isSamePosition(one, other) && one.selected === other.selected;
}

export function isSamePosition(one: Place, other: Place): boolean {
  return (
    one.uri === other.uri &&
    one.version === other.version &&
    one.line === other.line &&
    one.character === other.character
  );
}
