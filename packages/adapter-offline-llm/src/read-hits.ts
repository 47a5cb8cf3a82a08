/** Finds passages in what a tool returned. */

/** A piece of a document to answer from. */
export interface Passage {
  readonly file: string;
  readonly line: number;
  /** The headings above it, joined by ` > `; may be empty. */
  readonly heading: string;
  readonly text: string;
}

/** JSON that a length limit cut off, closed after its last whole element. */
const repair = (json: string): unknown => {
  const open: string[] = [];
  let inString = false;
  let cut = -1;
  let closing = '';
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at]!;
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
    } else if (character === '[' || character === '{') {
      open.push(character === '[' ? ']' : '}');
    } else if (character === ']' || character === '}') {
      open.pop();
      if (open.at(-1) === ']') {
        cut = at + 1;
        closing = open.toReversed().join('');
      }
    }
  }
  if (cut < 0) return undefined;
  try {
    return JSON.parse(json.slice(0, cut) + closing) as unknown;
  } catch {
    return undefined;
  }
};

/** The JSON value of a text, also of one that was cut off; undefined for anything else. */
export const parseResult = (content: string): unknown => {
  const text = content.trimStart();
  if (!/^[[{"\d-]|^(?:true|false|null)\b/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return /^[[{]/.test(text) ? repair(text) : undefined;
  }
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const passageOf = (value: unknown): Passage | undefined => {
  if (!isRecord(value)) return undefined;
  const text = textOf(value['text']) ?? textOf(value['content']) ?? textOf(value['snippet']);
  const file = textOf(value['file']) ?? textOf(value['path']) ?? textOf(value['uri']);
  if (text === undefined || file === undefined) return undefined;
  const line = value['line'];
  return {
    file,
    text,
    line: typeof line === 'number' && Number.isInteger(line) && line > 0 ? line : 1,
    heading: textOf(value['heading']) ?? textOf(value['title']) ?? '',
  };
};

/** The passages of a result: one, an array, or an object with an array of them (`results`, `hits`, ...). */
export const passagesOf = (value: unknown): readonly Passage[] => {
  const one = passageOf(value);
  if (one !== undefined) return [one];
  const list = Array.isArray(value)
    ? value
    : isRecord(value)
      ? Object.values(value).find((member) => Array.isArray(member))
      : undefined;
  return Array.isArray(list) ? list.map(passageOf).filter((passage) => passage !== undefined) : [];
};
