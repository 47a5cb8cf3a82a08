import type { IContextPort } from '@promethean/pantheon-core';
import { makeSqliteContext } from './index.ts';

const context = makeSqliteContext({
  path: 'context.db',
  sources: {
    docs: { kind: 'documents', root: 'docs', ignore: ['drafts/'], maxFileBytes: 1_000 },
    talk: { kind: 'conversation' },
    results: { kind: 'tool-results' },
  },
  estimateTokens: ({ content }) => content.length,
});
context satisfies IContextPort;
void context.index({ source: 'docs', onProgress: ({ done, total }) => done / total });
void context
  .search('a question', { source: 'docs', limit: 3, where: { path: 'guide/' } })
  .then(([hit]) => hit?.file satisfies string | undefined);

// @ts-expect-error Sources are required.
makeSqliteContext({});
// @ts-expect-error No such kind.
makeSqliteContext({ sources: { web: { kind: 'website', root: 'docs' } } });
// @ts-expect-error A folder is required.
makeSqliteContext({ sources: { docs: { kind: 'documents' } } });
// @ts-expect-error A conversation has no folder.
makeSqliteContext({ sources: { talk: { kind: 'conversation', root: 'docs' } } });
// @ts-expect-error No such option.
makeSqliteContext({ sources: {}, file: 'context.db' });
