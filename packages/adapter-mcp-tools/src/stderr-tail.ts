const MOST_KEPT = 8_192;
const LEAST_SECRET = 4;

/** Replaces every secret in a text by `***`, the longest first. */
export const scrub = (text: string, secrets: readonly string[]): string =>
  secrets
    .filter((secret) => secret.length >= LEAST_SECRET)
    .toSorted((a, b) => b.length - a.length)
    .reduce((scrubbed, secret) => scrubbed.replaceAll(secret, '***'), text);

/** The end of what a server writes to stderr: at most 8 KiB are kept, however much comes. */
export interface StderrTail {
  readonly add: (text: string) => void;
  /** The last lines without secrets, for a message; empty when there are none. */
  readonly text: () => string;
}

export const makeStderrTail = (secrets: readonly string[]): StderrTail => {
  // A secret that the cut would halve is kept whole, so that it is recognised; then that margin goes.
  const margin = Math.max(0, ...secrets.map((secret) => secret.length));
  let kept = '';
  let cut = false;
  return {
    add: (text) => {
      kept += text;
      if (kept.length <= MOST_KEPT + margin) return;
      kept = kept.slice(-(MOST_KEPT + margin));
      cut = true;
    },
    text: () => {
      const scrubbed = scrub(kept, secrets);
      return (cut ? scrubbed.slice(margin) : scrubbed).slice(-MOST_KEPT).trim();
    },
  };
};
