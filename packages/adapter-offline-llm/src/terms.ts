/** Words as the scoring sees them: lower case, without English endings, identifiers taken apart. */
import { stemmer } from 'stemmer';

const WORD = /[\p{L}\p{N}\p{M}_]+(?:[.\-'’][\p{L}\p{N}\p{M}_]+)*/gu;
const SEPARATOR = /[^\p{L}\p{N}\p{M}]+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
const EVERYDAY_SHARE = 0.4;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Khmer}]/u;
const PLAIN = /^[a-z0-9]+$/;

/** English words that say how something is asked rather than what about. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a about again all also am an and any anyone anything are as at be because been being but by can cannot could did do ' +
    'does doing done each either else ever every explain find for from get gets give given go goes got had happen happens ' +
    'has have having he help her here his how i id if im in into is it its ive just know let like look made make makes may ' +
    'me mean means might more most much must my need needs no not now of on one or other our out please possible shall she ' +
    'should show so some somebody someone something such take tell than that thats the their them then there these they thing things this ' +
    'those to too under us very want wants was way ways we were what whats when where whether which while who whom whose ' +
    'why will with would yes yet you your dont doesnt cant isnt arent wont use used uses using'
  ).split(' '),
);

/** Everyday words that colour a question but seldom name its subject. */
const EVERYDAY_WORDS: ReadonlySet<string> = new Set(
  (
    'able above according across actually after against ago alone along already although always among amount another apart ' +
    'around ask asked away back bad become before behind below best better between big both bring call called came case ' +
    'certain come comes correct currently day different directly done down during early easily easy enough especially even ' +
    'exactly exist far few first following full further good great hand hard high idea instead itself keep kind know last ' +
    'late later least less little low main matter near never new nice normal normally nothing often ok old once only order ' +
    'outside own part particular people person place plain point properly quick quickly quite rather real really reason right ' +
    'same say second see seem several side similar simple simply since small soon special specific still straight sure ' +
    'talk third though through time times together tried true try trying turn twice two understand until upon used useful ' +
    'usual usually various well went whatever word words work working works worth wrong year yourself'
  ).split(' '),
);

const stems = new Map<string, string>();

const stem = (word: string): string => {
  if (word.length < 3 || !PLAIN.test(word)) return word;
  let found = stems.get(word);
  if (found === undefined) {
    found = stemmer(word);
    // Bounded, so that a stream of random identifiers cannot fill the memory.
    if (stems.size > 20_000) stems.clear();
    stems.set(word, found);
  }
  return found;
};

const termsOfWord = (raw: string): string[] => {
  const word = raw.replace(/['’](?:s|re|ve|ll|d|m)$/iu, '').replace(/['’]/g, '');
  const lower = word.toLowerCase();
  // Nobody asks about a hash or a base64 text, and stemming is not made for them.
  if (word.length > 80) return [];
  const pieces = word.split(SEPARATOR).filter((piece) => piece !== '');
  const terms = pieces.flatMap((piece) => {
    if (!UNSPACED.test(piece)) return [stem(piece.toLowerCase())];
    const characters = [...piece];
    return characters.length === 1
      ? characters
      : characters.slice(1).map((character, at) => `${characters[at]}${character}`);
  });
  if (pieces.length > 1) terms.push(lower.replace(/[^\p{L}\p{N}\p{M}]+/gu, ''));
  return terms;
};

/** The terms of a text, in order. */
export const termsOf = (text: string): string[] => {
  const terms: string[] = [];
  for (const [raw] of text.matchAll(WORD)) terms.push(...termsOfWord(raw));
  return terms;
};

const HOW_MUCH = /\bhow\s+(?:many|much|long|often|big|large|small|fast|far|old)\b/gi;

/** The words of a question that say what it is about, as they were written. */
const tellingWords = (question: string): string[] =>
  [...question.replace(HOW_MUCH, ' ').matchAll(WORD)]
    .map(([raw]) => raw)
    .filter(
      (raw) => !STOP_WORDS.has(raw.toLowerCase().replace(/['’]/g, '')) || /^[A-Z]{2,}$/.test(raw),
    );

/**
 * The terms of a question that say what it is about, each with what it counts: 1, or less for everyday words. All of its terms,
 * where none says anything.
 */
export const topicOf = (question: string): ReadonlyMap<string, number> => {
  const telling = tellingWords(question);
  const words = telling.length > 0 ? telling : [...question.matchAll(WORD)].map(([raw]) => raw);
  const topic = new Map<string, number>();
  for (const raw of words) {
    const share = EVERYDAY_WORDS.has(raw.toLowerCase()) ? EVERYDAY_SHARE : 1;
    for (const term of termsOfWord(raw)) topic.set(term, Math.max(share, topic.get(term) ?? 0));
  }
  return topic;
};

/** The words of a question that say what it is about, as a query of its own. */
export const keywordsOf = (question: string): string =>
  tellingWords(question.slice(0, 2_000)).join(' ');
