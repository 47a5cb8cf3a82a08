/** What members of the tests do with a message: they write it into one log, and count how many handle one recipient at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import type { BusMessage } from '@promethean/pantheon-core';
import type { Redis } from 'ioredis';
import type { RedisBusOptions, RedisBusStats } from '../src/index.ts';
import { until } from './inspect.ts';

export interface MemberSettings {
  /** Where the log is. */
  readonly url: string;
  /** Where the bus is, if it goes another way. */
  readonly busUrl?: string;
  readonly namespace: string;
  readonly name: string;
  /** How long a message is worked on. */
  readonly workMs?: number;
  /** Contents that are never finished by this member. */
  readonly hangs?: readonly string[];
  readonly options?: Partial<Omit<RedisBusOptions, 'client'>>;
}

const keyOf = (namespace: string, name: string): string => `log-{${namespace}}:${name}`;

const ENTER = `
redis.call('RPUSH', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
local busy = redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
if busy > 1 then redis.call('RPUSH', KEYS[3], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3]) end
return busy
`;

export const handle = async (
  client: Redis,
  settings: MemberSettings,
  message: BusMessage,
): Promise<void> => {
  const { namespace, name, workMs = 0, hangs = [] } = settings;
  const keys = ['log', 'busy', 'overlaps', 'done'].map((one) => keyOf(namespace, one)) as [
    string,
    string,
    string,
    string,
  ];
  await client.eval(ENTER, 3, ...keys.slice(0, 3), name, message.to, message.content);
  if (hangs.includes(message.content)) return new Promise(() => undefined);
  if (workMs > 0) await new Promise((resolve) => setTimeout(resolve, workMs));
  await client
    .multi()
    .hincrby(keys[1], message.to, -1)
    .rpush(keys[3], `${name} ${message.to} ${message.content}`)
    .exec();
};

/** One line of the log. */
interface Line {
  readonly name: string;
  readonly to: string;
  readonly content: string;
}

export interface WorkLog {
  /** Deliveries, in the order in which they began. */
  readonly begun: () => Promise<readonly Line[]>;
  readonly done: () => Promise<readonly Line[]>;
  /** Deliveries that began while another of the same recipient was open. */
  readonly overlaps: () => Promise<readonly Line[]>;
  readonly remove: () => Promise<void>;
}

export const readLog = (client: Redis, namespace: string): WorkLog => {
  const read = async (name: string): Promise<readonly Line[]> =>
    (await client.lrange(keyOf(namespace, name), 0, -1)).map((line) => {
      const [member = '', to = '', content = ''] = line.split(' ');
      return { name: member, to, content };
    });
  return {
    begun: () => read('log'),
    done: () => read('done'),
    overlaps: () => read('overlaps'),
    remove: async () => {
      await client.unlink(['log', 'busy', 'overlaps', 'done'].map((one) => keyOf(namespace, one)));
    },
  };
};

export interface MemberProcess {
  readonly pid: number;
  readonly errors: readonly string[];
  readonly stats: () => Promise<RedisBusStats>;
  readonly signal: (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => void;
  readonly close: () => Promise<void>;
  /** Ends it however it stands. */
  readonly kill: () => Promise<void>;
}

interface Told {
  readonly event: string;
  readonly text?: string;
  readonly stats?: RedisBusStats;
}

/** Starts a member in a process of its own, and waits until it is ready. */
export const startMember = async (settings: MemberSettings): Promise<MemberProcess> => {
  const child: ChildProcess = fork(
    new URL('./member-process.ts', import.meta.url),
    [JSON.stringify(settings)],
    {
      execArgv: ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  const errors: string[] = [];
  let isReady = false;
  let hasEnded = false;
  let onStats: ((stats: RedisBusStats) => void) | undefined;
  child.on('exit', () => {
    hasEnded = true;
  });
  child.on('message', ({ event, text, stats }: Told) => {
    if (event === 'ready') isReady = true;
    if (event === 'error') errors.push(text ?? '');
    if (stats !== undefined) onStats?.(stats);
  });
  const ended = (): Promise<void> => until(() => hasEnded, 'the end of a member');
  await until(() => isReady || hasEnded, 'the start of a member');
  return {
    pid: child.pid as number,
    errors,
    stats: () =>
      new Promise((resolve) => {
        onStats = resolve;
        child.send({ do: 'stats' });
      }),
    signal: (signal) => void child.kill(signal),
    close: async () => {
      child.send({ do: 'close' });
      await ended();
    },
    kill: async () => {
      if (!hasEnded) child.kill('SIGKILL');
      await ended();
    },
  };
};
