import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importSuite, stateScripts, stateSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeSqliteState } from './index.ts';

const harnessOn = (path: string, remove: () => void) => {
  let at = 1_000;
  const open = () => makeSqliteState({ path, scripts: stateScripts, now: () => at });
  const state = open();
  const others: ReturnType<typeof open>[] = [];
  // Each in memory is one of its own.
  const isShared = path !== ':memory:';
  return {
    state,
    ...(isShared && {
      another: () => {
        const other = open();
        others.push(other);
        return other;
      },
    }),
    supports: ['remove', ...(isShared ? ['shared'] : []), 'close'],
    advance: async (ms: number) => {
      at += ms;
    },
    close: async () => {
      for (const one of [state, ...others]) await one.close();
      remove();
    },
  };
};

describeContract(
  'makeSqliteState on a file keeps the contract of IActorStatePort',
  stateSuite,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'pantheon-sqlite-state-'));
    return harnessOn(join(folder, 'actors.db'), () => rmSync(folder, { recursive: true }));
  },
);

describeContract(
  'makeSqliteState in memory keeps the contract of IActorStatePort',
  stateSuite,
  () => harnessOn(':memory:', () => undefined),
);

describeContract('the import of adapter-sqlite-state', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
