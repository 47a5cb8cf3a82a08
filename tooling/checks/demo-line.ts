/** The line that `npm run demo -- --ask … --json` prints for each question. */
export interface DemoLine {
  readonly answer: string;
  readonly sources: readonly {
    readonly file: string;
    readonly line: number;
    readonly heading: string;
  }[];
  readonly ticks: number;
  readonly ms: number;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown, least: number): boolean =>
  Number.isInteger(value) && (value as number) >= least;
const hasOnly = (value: Record<string, unknown>, keys: readonly string[]): boolean =>
  Object.keys(value).toSorted().join() === keys.toSorted().join();

/** Reads one line of the demo. @throws Error that says what is wrong with it. */
export const readDemoLine = (text: string): DemoLine => {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error('it is no object');
  const { answer, sources, ticks, ms } = value;
  if (!hasOnly(value, ['answer', 'sources', 'ticks', 'ms'])) {
    throw new Error(`its members are ${Object.keys(value).join(', ')}`);
  }
  if (typeof answer !== 'string' || answer.trim() === '') throw new Error('answer is no text');
  if (!isCount(ticks, 1)) throw new Error('ticks is no count');
  if (typeof ms !== 'number' || !(ms >= 0)) throw new Error('ms is no time');
  if (!Array.isArray(sources)) throw new Error('sources is no list');
  for (const [at, source] of sources.entries()) {
    const right =
      isRecord(source) &&
      hasOnly(source, ['file', 'line', 'heading']) &&
      typeof source['file'] === 'string' &&
      source['file'] !== '' &&
      isCount(source['line'], 1) &&
      typeof source['heading'] === 'string';
    if (!right)
      throw new Error(`sources[${at}] is not { file, line, heading }: ${JSON.stringify(source)}`);
  }
  return value as unknown as DemoLine;
};
