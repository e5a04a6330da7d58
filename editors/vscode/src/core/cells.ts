// Which cells of a notebook a question about one of them comes with.

/** More of them would crowd out the question's own. */
const MOST_EARLIER = 9;

/** The nearest cells before one that have code, in their order. `codeOf` is empty for others. */
export function earlierCode<Cell>(
  cells: readonly Cell[],
  index: number,
  codeOf: (cell: Cell) => string,
): Cell[] {
  const withCode = cells.slice(0, index).filter((cell) => codeOf(cell).trim() !== "");
  return withCode.slice(-MOST_EARLIER);
}

/** What a cell is called, counted from 1, and how many before it come along. */
export function label(notebook: string, cell: number, numEarlier: number): string {
  if (numEarlier === 0) return `${notebook}, cell ${cell}`;
  const earlier = numEarlier === 1 ? "one before it" : `${numEarlier} before it`;
  return `${notebook}, cell ${cell} and ${earlier}`;
}
