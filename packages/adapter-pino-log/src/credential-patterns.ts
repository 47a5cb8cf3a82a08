/** What stands in the log for what is left out. */
export const REDACTED = '[redacted]';

// The name of a secret, with what stands before it in the same word. Bounded, so that no text takes more than linear time.
const NAME = String.raw`\b[\w.-]{0,40}?(?:authorization|api[-_]?key|access[-_]?key|secret[-_]?key|private[-_]?key|password|passwd|passphrase|pwd|secret|token|cookie|credentials?|session[-_]?id)\b`;
// Between the name and the value, with quotes that may be escaped several times: JSON in a string of JSON.
const BETWEEN = String.raw`\\{0,8}["']?\s{0,8}[:=]\s{0,8}`;

/** Without one of these, the patterns with names cannot match; most texts have none. */
const HINT =
  /auth|key|pass|pwd|secret|token|cookie|credential|session|bearer|basic|digest|negotiate/i;

type Replacement = readonly [pattern: RegExp, by: string];

const NAMED: readonly Replacement[] = [
  // A whole header line, because the value of these has spaces.
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie)(\s{0,8}[:=]\s{0,8})(?!\\*["'])[^\r\n"']+/gi,
    `$1$2${REDACTED}`,
  ],
  [
    new RegExp(String.raw`(${NAME}${BETWEEN})(\\*["'])(?:(?!\2).)*(\2|$)`, 'gis'),
    `$1$2${REDACTED}$3`,
  ],
  [new RegExp(String.raw`(${NAME}${BETWEEN})(?!\\*["'])[^\s&,;<>()"'\\]+`, 'gi'), `$1${REDACTED}`],
  // Not every word after these is a credential: one with a digit, an equals sign or a capital inside is.
  [
    /\b([Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|[Dd]igest|[Nn]egotiate)(\s{1,8})(?=[^\s"']*(?:[\d=]|[a-z][A-Z]))[\w.~+/=-]{6,}/g,
    `$1$2${REDACTED}`,
  ],
];

const SHAPED: readonly Replacement[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|$)/gs, REDACTED],
  [/:\/\/[^\s/?#"'<>]{1,512}@/g, `://${REDACTED}@`],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g, REDACTED],
  [
    /\b(?:(?:sk|pk|rk)[-_][\w-]{16,}|gh[opsur]_\w{20,}|github_pat_\w{20,}|xox[abeoprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,})/g,
    REDACTED,
  ],
];

/** A text without what looks like a credential: named values, header lines, user names in URLs, keys of known shapes. */
export const withoutCredentials = (text: string): string => {
  let result = text;
  if (HINT.test(text)) for (const [pattern, by] of NAMED) result = result.replaceAll(pattern, by);
  for (const [pattern, by] of SHAPED) result = result.replaceAll(pattern, by);
  return result;
};
