/** How many letters have to be changed, added, removed or swapped with their neighbour to make one word of the other. */
const distance = (a: string, b: string): number => {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const changed = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + changed,
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, before[column - 2]! + 1);
      current.push(least);
    }
    [before, previous] = [previous, current];
  }
  return previous[b.length]!;
};

/** The name that was probably meant: at most a third of its letters are wrong. Case counts for nothing. */
export const nearestName = (word: string, names: readonly string[]): string | undefined => {
  const [best] = names
    .map((name) => ({ name, wrong: distance(word.toLowerCase().slice(0, 64), name.toLowerCase()) }))
    .filter(({ name, wrong }) => wrong <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.wrong - b.wrong);
  return best?.name;
};
