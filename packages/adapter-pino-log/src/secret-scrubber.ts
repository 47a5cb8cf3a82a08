import { PantheonError } from '@promethean/pantheon-core';
import { REDACTED } from './credential-patterns.ts';

/** Shorter texts occur by chance; what they would hide is the log itself. */
const LEAST_CHARACTERS = 4;
/** A fragment of base64 below this length occurs by chance. */
const LEAST_FRAGMENT = 8;

/** Members of a finished line with numbers of the logger's own. */
const OWN_NUMBERS = new Set(['level', 'time', 'pid']);

/** Texts that must not appear, or what gives them. */
export type Secrets = readonly (string | undefined)[] | (() => readonly (string | undefined)[]);

/** Replaces registered secrets. */
export interface SecretScrubber {
  /** Asks for the secrets anew, where they come from a function. To be called once for every record. */
  readonly refresh: () => void;
  /** A text without registered secrets. */
  readonly scrub: (text: string) => string;
  /** A finished line of JSON without registered secrets. */
  readonly scrubLine: (line: string) => string;
  /** Whether a registered secret that consists of digits is in the digits of a number. */
  readonly hides: (digits: string) => boolean;
  /** Characters of the longest text that is looked for. */
  readonly longest: () => number;
}

/** The characters of base64 that depend on the secret alone, when it begins at one of three places in a group. */
const fragments = (secret: string, alphabet: 'base64' | 'base64url'): string[] =>
  [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const whole = Math.floor((bytes.length * 8) / 6);
    return bytes.toString(alphabet).slice(Math.ceil((offset * 8) / 6), whole);
  });

/** A secret in all the writings that are looked for. */
const writings = (secret: string): string[] => {
  const urls = [
    encodeURIComponent(secret.toWellFormed()),
    new URLSearchParams([['', secret]]).toString().slice(1),
  ];
  return [
    secret,
    ...urls,
    ...urls.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
    ...[...fragments(secret, 'base64'), ...fragments(secret, 'base64url')].filter(
      ({ length }) => length >= LEAST_FRAGMENT,
    ),
  ];
};

const isDigits = (text: string): boolean => /^\d+$/.test(text);

const anyOf = (texts: readonly string[]): RegExp | undefined => {
  if (texts.length === 0) return undefined;
  // The longest first, because the first alternative that matches wins.
  const sorted = [...texts].sort((a, b) => b.length - a.length);
  const literals = sorted.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`));
  return new RegExp(literals.join('|'), 'g');
};

const replaceAny = (text: string, pattern: RegExp | undefined): string =>
  pattern === undefined ? text : text.replaceAll(pattern, REDACTED);

/**
 * Looks for registered secrets: raw, URL-encoded, escaped for JSON and in base64, alone or within a longer text. A function is
 * asked at every record, so that a rotated key is known at once.
 *
 * Throws `option-invalid` for a registered text of one to three characters. From a function, such a text is not looked for. An
 * empty text and undefined, as an unset variable gives them, are no secrets.
 */
export const makeSecretScrubber = (secrets: Secrets): SecretScrubber => {
  let known: readonly (string | undefined)[] = [];
  let digits: readonly string[] = [];
  let inTexts: RegExp | undefined;
  let inLines: RegExp | undefined;
  let longest = 0;

  const learn = (texts: readonly (string | undefined)[]): void => {
    const all = new Set<string>();
    for (const text of texts) {
      if (typeof text !== 'string' || text.length < LEAST_CHARACTERS) continue;
      for (const writing of writings(text)) all.add(writing);
    }
    known = [...texts];
    digits = [...all].filter(isDigits);
    inTexts = anyOf([...all]);
    inLines = anyOf([...all].filter((text) => !isDigits(text)));
    longest = Math.max(0, ...Array.from(all, ({ length }) => length));
  };

  const refresh = (): void => {
    if (typeof secrets !== 'function') return;
    try {
      const texts = secrets();
      const isSame = texts.length === known.length && texts.every((text, at) => text === known[at]);
      if (!isSame) learn(texts);
    } catch {
      // What was known before is better than nothing, and a log throws nothing.
    }
  };

  const hides = (text: string): boolean => digits.some((secret) => text.includes(secret));

  /** In a finished line, digits may be the time or the level as well, so it has to be taken apart. */
  const withoutDigits = (line: string): string => {
    const record: unknown = JSON.parse(line, (name, value: unknown) => {
      if (typeof value === 'string') return replaceAny(value, inTexts);
      const isHidden = typeof value === 'number' && !OWN_NUMBERS.has(name) && hides(String(value));
      return isHidden ? REDACTED : value;
    });
    return `${JSON.stringify(record)}\n`;
  };

  if (typeof secrets === 'function') refresh();
  else {
    if (!Array.isArray(secrets)) {
      throw new PantheonError('option-invalid', 'secrets must be a list of texts, or a function.');
    }
    const short = secrets.findIndex(
      (text = '') => text.length > 0 && text.length < LEAST_CHARACTERS,
    );
    if (short >= 0) {
      throw new PantheonError(
        'option-invalid',
        `secrets[${short}] must have at least ${LEAST_CHARACTERS} characters; a shorter text occurs by chance everywhere.`,
      );
    }
    learn(secrets);
  }

  return {
    refresh,
    scrub: (text) => replaceAny(text, inTexts),
    scrubLine: (line) => {
      const scrubbed = replaceAny(line, inLines);
      return hides(scrubbed) ? withoutDigits(scrubbed) : scrubbed;
    },
    hides,
    longest: () => longest,
  };
};
