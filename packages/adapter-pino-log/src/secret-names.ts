const NAME =
  /(?:authorization|apikey|accesskey|secretkey|privatekey|password|passwd|passphrase|pwd|secret|token|cookie|credential|sessionid)$/;
const PLURAL = /(?:apikeys|passwords|secrets|tokens|cookies|credentials)$/;

const MOST_CACHED = 1_000;
const cache = new Map<string, 'secret' | 'secrets' | 'plain'>();

const kindOf = (name: string): 'secret' | 'secrets' | 'plain' => {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const letters = name
    .slice(-64)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '');
  const kind = NAME.test(letters) ? 'secret' : PLURAL.test(letters) ? 'secrets' : 'plain';
  if (cache.size < MOST_CACHED) cache.set(name, kind);
  return kind;
};

/**
 * Whether the value of a member with this name is kept out of the log, in whatever case and with whatever separators the name
 * is written. A number under a plural is a count (`totalTokens`, `tokens`), and is shown; so is what says nothing: null, a boolean.
 */
export const isSecretName = (name: string, value: unknown): boolean => {
  if (value === undefined || value === null || typeof value === 'boolean' || value === '')
    return false;
  const kind = kindOf(name);
  return kind === 'secret' || (kind === 'secrets' && typeof value !== 'number');
};
