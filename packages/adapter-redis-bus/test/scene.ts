/** A namespace of its own for a test: everything that it opens is closed, and all its keys are removed. */
import type { BusMessage } from '@promethean/pantheon-core';
import type { Redis } from 'ioredis';
import {
  makeRedisBus,
  type RedisBus,
  type RedisBusFailure,
  type RedisBusOptions,
} from '../src/index.ts';
import { connect, freshNamespace, removeAll } from './inspect.ts';
import {
  type MemberProcess,
  type MemberSettings,
  readLog,
  startMember,
  type WorkLog,
} from './worker.ts';

export interface Scene {
  readonly namespace: string;
  readonly client: Redis;
  readonly log: WorkLog;
  /** What all buses reported. */
  readonly failures: RedisBusFailure[];
  readonly warnings: string[];
  readonly bus: (options?: Partial<RedisBusOptions>) => RedisBus;
  readonly member: (settings: Omit<MemberSettings, 'url' | 'namespace'>) => Promise<MemberProcess>;
  readonly close: () => Promise<void>;
}

export const makeScene = (url: string, defaults: Partial<RedisBusOptions> = {}): Scene => {
  const namespace = freshNamespace();
  const client = connect(url);
  client.on('error', () => undefined);
  const log = readLog(client, namespace);
  const buses: RedisBus[] = [];
  const members: MemberProcess[] = [];
  const failures: RedisBusFailure[] = [];
  const warnings: string[] = [];
  return {
    namespace,
    client,
    log,
    failures,
    warnings,
    bus: (options = {}) => {
      const where = options.redis ?? options.client ?? options.cluster ?? options.url;
      const bus = makeRedisBus({
        ...(where === undefined && { url }),
        namespace,
        retryDelayMs: 20,
        onError: (failure) => failures.push(failure),
        onWarning: (sentence) => warnings.push(sentence),
        ...defaults,
        ...options,
      });
      buses.push(bus);
      return bus;
    },
    member: async (settings) => {
      const member = await startMember({ url, namespace, ...settings });
      members.push(member);
      return member;
    },
    close: async () => {
      await Promise.all(members.map((member) => member.kill()));
      await Promise.all(buses.map((bus) => bus.close()));
      await removeAll(client, namespace);
      await log.remove();
      client.disconnect();
    },
  };
};

/** Runs a test in a scene of its own. */
export const inScene = async (
  url: string,
  run: (scene: Scene) => Promise<void>,
  defaults?: Partial<RedisBusOptions>,
): Promise<void> => {
  const scene = makeScene(url, defaults);
  try {
    await run(scene);
  } finally {
    await scene.close();
  }
};

export const letter = (
  content: string,
  to = 'bob',
  id?: string,
): {
  readonly from: string;
  readonly to: string;
  readonly content: string;
  readonly id?: string;
} => ({
  from: 'ada',
  to,
  content,
  ...(id !== undefined && { id }),
});

export const contents = (messages: readonly BusMessage[]): readonly string[] =>
  messages.map(({ content }) => content);

/** The contents of each recipient, in the order of the list. */
export const byRecipient = (
  lines: readonly { readonly to: string; readonly content: string }[],
): ReadonlyMap<string, readonly string[]> => {
  const map = new Map<string, string[]>();
  for (const { to, content } of lines) map.set(to, [...(map.get(to) ?? []), content]);
  return map;
};

export const range = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, n) => n);
