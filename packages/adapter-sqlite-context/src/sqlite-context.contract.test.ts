import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contextSuite, type ContextHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeSqliteContext } from './index.ts';

const estimateTokens = ({ content }: { readonly content: string }): number =>
  Math.ceil(content.length / 4);

describeContract(
  'sqlite context over documents',
  contextSuite,
  async (): Promise<ContextHarness> => {
    const root = await mkdtemp(join(tmpdir(), 'sqlite-context-'));
    const names = ['notes', 'rules'];
    for (const name of names) await mkdir(join(root, name));
    const context = makeSqliteContext({
      path: join(root, 'context.db'),
      sources: {
        ...Object.fromEntries(
          names.map((name) => [name, { kind: 'documents', root: join(root, name) }] as const),
        ),
        conversation: { kind: 'conversation' },
      },
    });
    return {
      context,
      supports: ['record', 'explain', 'close'],
      estimateTokens,
      addSource: async (id, texts) => {
        for (const [at, text] of texts.entries()) {
          await writeFile(join(root, id, `${at}.md`), text);
        }
        await context.index({ source: id });
        return { id, label: id };
      },
      conversationOf: (actorId) => ({ id: 'conversation', label: 'Talk', where: { actorId } }),
      close: async () => {
        await context.close();
        await rm(root, { recursive: true });
      },
    };
  },
);

describeContract('sqlite context over recorded entries', contextSuite, (): ContextHarness => {
  const context = makeSqliteContext({
    sources: {
      notes: { kind: 'conversation' },
      rules: { kind: 'conversation' },
      conversation: { kind: 'conversation' },
    },
    estimateTokens,
  });
  return {
    context,
    supports: ['record', 'explain', 'close'],
    estimateTokens,
    addSource: async (id, texts) => {
      await context.record(
        id,
        texts.map((content) => ({ role: 'user', content })),
      );
      return { id, label: id, where: { actorId: id } };
    },
    conversationOf: (actorId) => ({ id: 'conversation', label: 'Talk', where: { actorId } }),
    close: () => context.close(),
  };
});
