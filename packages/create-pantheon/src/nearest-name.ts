/** How many letters have to be changed, added or removed to make one word of the other. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const changed = row[column - 1]! + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(changed, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
};

/** The name that was probably meant: one that begins with the word, or of which at most a third of the letters are wrong. */
export const nearestName = (word: string, names: readonly string[]): string | undefined => {
  const typed = word.toLowerCase().slice(0, 64);
  const begins = names.find((name) => typed !== '' && name.startsWith(typed));
  const near = names
    .map((name) => ({ name, wrong: distance(typed, name) }))
    .filter(({ name, wrong }) => wrong <= name.length / 3)
    .sort((a, b) => a.wrong - b.wrong);
  return begins ?? near[0]?.name;
};
