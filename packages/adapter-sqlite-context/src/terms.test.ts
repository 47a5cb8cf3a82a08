import { describe, expect, test } from 'vitest';
import { guessLanguage } from './language.ts';
import { conceptsOf, matchExpression, type Vocabulary } from './question.ts';
import { termsOf } from './terms.ts';

describe('termsOf', () => {
  test('takes identifiers apart and keeps them whole', () => {
    expect(termsOf('server.keepAliveTimeout')).toEqual([
      'server',
      'keep',
      'aliv',
      'timeout',
      'serverkeepalivetimeout',
    ]);
    expect(termsOf('--dry-run MAX_SIZE HTTPServer')).toEqual([
      'dry',
      'run',
      'dryrun',
      'max',
      'size',
      'maxsize',
      'http',
      'server',
      'httpserver',
    ]);
  });

  test('words with one stem are one term', () => {
    expect(termsOf('Configuring configured configuration')).toEqual([
      'configur',
      'configur',
      'configur',
    ]);
    expect(termsOf("the user's don't")).toEqual(['the', 'user', 'dont']);
  });

  test('versions keep their dots apart', () => {
    expect(termsOf('1.15')).toContain('1·15');
    expect(termsOf('11.5')).not.toContain('1·15');
  });

  test('folds accents, and splits scripts without spaces into pairs', () => {
    expect(termsOf('Café')).toEqual(['cafe']);
    expect(termsOf('日本語')).toEqual(['日本', '本語']);
    expect(termsOf('Настройка')).toEqual(['настройка']);
  });

  test('leaves out what is too long to be a word', () => {
    expect(termsOf('a'.repeat(5_000))).toEqual([]);
  });
});

const vocabulary = (known: Readonly<Record<string, number>>): Vocabulary => ({
  files: 100,
  filesWith: (term) => known[term] ?? 0,
  completions: (prefix, limit) =>
    Object.keys(known)
      .filter((term) => term.startsWith(prefix))
      .slice(0, limit),
});

describe('conceptsOf', () => {
  const terms = (question: string, known: Readonly<Record<string, number>> = {}): string[][] =>
    conceptsOf(question, vocabulary(known)).map(({ variants }) => [...variants.keys()]);

  test('drops the words of the question that say nothing about its subject', () => {
    expect(terms('What is the port of the listener?')).toEqual([
      ['port', 'listen'],
      ['listen', 'port'],
    ]);
    expect(terms('What is it?')).not.toEqual([]);
  });

  test('finds what is written otherwise: joined, misspelt, longer, shorter', () => {
    expect(terms('web socket', { websocket: 3 })[0]).toContain('websocket');
    expect(terms('websocket', { web: 3, socket: 3 })[0]).toEqual(['websocket', 'web', 'socket']);
    expect(terms('schedular', { schedul: 2 })[0]).toContain('schedul');
    expect(terms('prefetc', { prefetch: 2 })[0]).toContain('prefetch');
    expect(terms('turn off telemetry', { disabl: 4, telemetri: 4 }).flat()).toContain('disabl');
  });

  test('rare words weigh more than frequent ones', () => {
    const [rare, frequent] = conceptsOf(
      'hibernation widget',
      vocabulary({ hibern: 1, widget: 90 }),
    );
    expect(rare!.weight).toBeGreaterThan(frequent!.weight * 5);
  });

  test('no question is an operator of the search', () => {
    const hostile = '" OR * NEAR(a b) ^x -y col:z {} \'; DROP TABLE file; --';
    expect(matchExpression(conceptsOf(hostile, vocabulary({})))).toMatch(
      /^"[^"]+"(?: OR "[^"]+")*$/,
    );
    expect(conceptsOf('?!*"', vocabulary({}))).toEqual([]);
  });

  test('a very long question keeps a bounded number of concepts', () => {
    const long = Array.from({ length: 20_000 }, (_, at) => `word${at}`).join(' ');
    expect(conceptsOf(long, vocabulary({})).length).toBeLessThanOrEqual(32);
  });
});

describe('guessLanguage', () => {
  test.each([
    [
      'en',
      'How do I configure the server so that it listens on another port, and what is the default?',
    ],
    ['de', 'Wie wird der Server konfiguriert, und was ist der Port, wenn er nicht gesetzt ist?'],
    [
      'fr',
      'Comment configurer le serveur pour que les clients ne soient pas bloqués dans la file ?',
    ],
    [
      'es',
      'Cómo se configura el servidor para que los clientes no esperen en una cola por defecto',
    ],
    ['ja', 'サーバーの設定方法'],
    ['ru', 'Как настроить сервер'],
    ['zh', '如何配置服务器'],
    ['', 'npm run build'],
  ])('%s', (language, text) => {
    expect(guessLanguage(text)).toBe(language);
  });
});
