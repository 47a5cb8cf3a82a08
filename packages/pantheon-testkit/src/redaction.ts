import { PantheonError } from '@promethean/pantheon-core';

const REDACTED = '[redacted]';
const SHORTEST = 4;

/** Takes secrets out of plain data. */
export interface Redaction {
  /** The same data without the secrets, in values and in keys. */
  readonly of: <T>(value: T) => T;
  /** Whether a text has a secret in it. */
  readonly isNeeded: (text: string) => boolean;
}

/** Makes a redaction of these secrets, also where they are escaped inside of a JSON text or of an address. */
export const makeRedaction = (secrets: readonly string[]): Redaction => {
  for (const [index, secret] of secrets.entries()) {
    if (typeof secret !== 'string' || secret.length < SHORTEST)
      throw new PantheonError(
        'option-invalid',
        `redact[${index}] must be a text of ${SHORTEST} characters or more; a shorter one would be found everywhere.`,
      );
  }
  const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
  const forms = new Set(
    secrets.flatMap((secret) => [
      secret,
      escaped(secret),
      escaped(escaped(secret)),
      encodeURIComponent(secret.toWellFormed()),
    ]),
  );
  // The longest first, so that a secret that contains another goes as a whole.
  const ordered = [...forms].toSorted((a, b) => b.length - a.length);
  const redactText = (text: string): string =>
    ordered.reduce((clean, form) => clean.replaceAll(form, () => REDACTED), text);
  const of = (value: unknown): unknown => {
    if (typeof value === 'string') return redactText(value);
    if (Array.isArray(value)) return value.map(of);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [redactText(key), of(member)]),
    );
  };
  return {
    of: (value) => of(value) as typeof value,
    isNeeded: (text) => ordered.some((form) => text.includes(form)),
  };
};
