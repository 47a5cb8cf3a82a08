/** Guesses the language of a text, well enough to tell a translation from the page that it translates. */

const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['zh', /\p{Script=Han}/gu],
  ['ru', /\p{Script=Cyrillic}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['bn', /\p{Script=Bengali}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['he', /\p{Script=Hebrew}/gu],
];

// Frequent short words that are rare in the other languages and in code.
const WORDS: Readonly<Record<string, string>> = {
  en: 'the and of to is in that you it with are this be on how what can your which does',
  de: 'der die das und ist nicht ein eine mit für auf den sie werden wird wie zu dem oder',
  fr: 'le la les des et est une pour dans vous que avec sur pas ce qui votre du comment',
  es: 'el los las es una para que con por se su como del al puede está cómo más',
  pt: 'os as um uma para que com não da em você por como são seu ao',
  it: 'il lo gli di un una per che con non del della come sono nel questo più puoi',
  nl: 'de het een en van is voor met niet op aan je zijn dat wordt deze kan hoe',
  pl: 'jest nie się na do że jak dla przez można są tym oraz aby jako',
  tr: 've bir bu için ile olarak da de olan daha gibi veya çok nasıl kullanarak ne',
  id: 'yang dan untuk di dengan ini dari dapat adalah pada anda akan tidak ke atau bagaimana',
  cs: 'je se na že pro jako nebo ale jsou jak být který při podle pokud také',
  vi: 'và của là các cho một trong được với bạn không có này để từ khi như',
  sv: 'och att det som en är för på av med till den inte ett kan om du hur',
};

const languagesOf = new Map<string, string[]>();
for (const [language, words] of Object.entries(WORDS)) {
  for (const word of words.split(' ')) {
    languagesOf.set(word, [...(languagesOf.get(word) ?? []), language]);
  }
}

/** A language code, or the empty string where nothing speaks clearly. Reads the first 20,000 characters. */
export const guessLanguage = (text: string): string => {
  const sample = text
    .slice(0, 20_000)
    .replace(/```[\s\S]*?```|`[^`]*`/g, ' ')
    // Addresses, paths and file names speak no language.
    .replace(/[\x21-\x7e]+/g, (word) => (/[/.]./.test(word) ? ' ' : word));
  const letters = sample.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return '';
  for (const [language, script] of SCRIPTS) {
    const count = sample.match(script)?.length ?? 0;
    // Kana decides for Japanese, whose text is mostly Han.
    if (count > letters * (language === 'ja' ? 0.1 : 0.25)) return language;
  }
  const votes = new Map<string, number>();
  let words = 0;
  for (const [word] of sample.toLowerCase().matchAll(/\p{L}+/gu)) {
    words += 1;
    const languages = languagesOf.get(word);
    if (languages === undefined) continue;
    for (const language of languages) {
      votes.set(language, (votes.get(language) ?? 0) + 1 / languages.length);
    }
  }
  const [first, second] = [...votes].sort((a, b) => b[1] - a[1]);
  // A list of names says little; a few stray words are no language.
  return first !== undefined &&
    first[1] >= Math.max(2, words * 0.03) &&
    first[1] > (second?.[1] ?? 0) * 1.3
    ? first[0]
    : '';
};
