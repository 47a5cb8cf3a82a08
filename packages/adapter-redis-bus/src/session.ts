/** The membership of one bus instance: a token with a lease, kept alive by heartbeats and renewed with every connection. */
import { PantheonError } from '@promethean/pantheon-core';
import { keyOf } from './lane.ts';
import { keepMs, type Settings } from './options.ts';
import type { Link } from './redis-client.ts';
import { closedError, readFailure, unavailable } from './failure.ts';
import { BEAT, JOIN } from './scripts.ts';

/** What the session needs from the bus. */
export interface SessionOptions {
  readonly settings: Settings;
  readonly prefix: string;
  readonly instance: string;
  /** Group and filter of every registration that the server has confirmed, flat. */
  readonly registrations: () => readonly string[];
  /** Group and recipient of everything that is held, flat. */
  readonly held: () => readonly string[];
  /** The session is (again) known to the server. */
  readonly onJoined: (joined: Joined) => void;
  /** How far the reader of plain subscriptions has come; its id is `''` without one. */
  readonly progress: () => Tail;
}

/** What a join found out. */
export interface Joined {
  /** Which recipients are still held, by `keyOf`. */
  readonly kept: ReadonlySet<string>;
  /** The end of the stream for plain subscriptions. */
  readonly tail: Tail;
  /** How far the reader had come when the server was asked: by now it may have read more, on a connection of its own. */
  readonly progress: Tail;
  /** The lease had ended, or the server's data are gone. */
  readonly wasLost: boolean;
}

/** The id and the number of the last message for plain subscriptions. */
export interface Tail {
  readonly id: string;
  readonly number: number;
}

export interface Session {
  readonly token: () => string;
  readonly isJoined: () => boolean;
  /** Whether a handler may start: the lease cannot have ended yet, by the process's own clock. */
  readonly mayStart: () => boolean;
  /** A call that renewed the lease was sent at that time. */
  readonly renewed: (sentAt: number) => void;
  /** Makes the session known over this connection. */
  readonly join: (link: Link) => Promise<void>;
  /** The server does not know the token any more. */
  readonly lost: (link: Link) => void;
  readonly down: () => void;
  readonly startBeating: (link: Link) => void;
  readonly stop: () => void;
}

/** Part of the lease after which no handler starts without a renewal. */
const SAFE = 0.8;

const memoryFields = (info: string): ReadonlyMap<string, string> =>
  new Map(
    info
      .split(/\r?\n/)
      .filter((line) => line.includes(':'))
      .map((line) => line.split(':', 2) as [string, string]),
  );

export const makeSession = (options: SessionOptions): Session => {
  const { settings, prefix, instance, registrations, held, onJoined, progress } = options;
  const { leaseMs, allowEviction, report, warn } = settings;
  let generation = 0;
  let token = '';
  /** Tokens of joins whose answer never came: the server may know one of them in the place of `token`. */
  let tried: string[] = [];
  let isStopped = false;
  let isJoined = false;
  let joining: Promise<void> | undefined;
  let born: string | undefined;
  let validUntil = 0;
  let isChecked = false;
  let timer: ReturnType<typeof setInterval> | undefined;

  /** Refuses a server that may throw messages away, and tells of one that forgets them. */
  const check = async (link: Link): Promise<void> => {
    if (isChecked) return;
    let fields: ReadonlyMap<string, string>;
    try {
      const [memory, persistence] = await Promise.all([
        link.call('info', 'memory'),
        link.call('info', 'persistence'),
      ]);
      fields = memoryFields(`${String(memory)}\n${String(persistence)}`);
    } catch (error) {
      if (!/^(NOPERM|ERR unknown)/.test(String((error as Error).message))) throw error;
      warn('Redis does not let this user read INFO, so that its memory policy is not checked.');
      isChecked = true;
      return;
    }
    const policy = fields.get('maxmemory_policy');
    if (!allowEviction && policy !== 'noeviction' && (fields.get('maxmemory') ?? '0') !== '0') {
      throw new PantheonError(
        'option-invalid',
        `Redis may evict messages (maxmemory-policy ${policy}); set it to noeviction, or allowEviction to true`,
      );
    }
    if (fields.get('aof_enabled') === '0')
      warn(
        'Redis runs without appendonly: a crash of Redis loses the messages since its last snapshot.',
      );
    isChecked = true;
  };

  const join = async (link: Link): Promise<void> => {
    await check(link);
    if (isStopped) throw closedError();
    const old = token;
    generation += 1;
    const fresh = `${instance}.${generation}`;
    const sentAt = performance.now();
    const subscribed = registrations();
    const lanes = held();
    const read = progress();
    const before = [old, ...tried].join(' ');
    const args = [before, fresh, leaseMs, subscribed.length / 2, ...subscribed, ...lanes];
    tried.push(fresh);
    const [known, birth, kept, id, number] = (await link.run(JOIN, prefix, args)) as [
      number,
      string,
      number[],
      string,
      number,
    ];
    token = fresh;
    tried = [];
    validUntil = sentAt + leaseMs * SAFE;
    isJoined = true;
    const hasNewData = born !== undefined && born !== birth;
    born = birth;
    const wasLost = old !== '' && known === 0;
    if (hasNewData) {
      report(
        new PantheonError(
          'outcome-unknown',
          'The data of this bus in Redis are gone (FLUSHALL, or a restart without persistence); messages that were accepted may be lost. The subscriptions are registered again.',
        ),
      );
    } else if (wasLost) {
      report(
        new PantheonError(
          'unavailable',
          'The lease of this bus ended before it was renewed: its recipients went to other members, and messages to plain subscriptions may have been missed.',
          { retryable: true },
        ),
      );
    }
    onJoined({
      kept: new Set(
        kept.flatMap((one, index) =>
          one === 1 ? [keyOf(lanes[index * 2] as string, lanes[index * 2 + 1] as string)] : [],
        ),
      ),
      tail: { id, number },
      progress: read,
      wasLost: wasLost || hasNewData,
    });
  };

  const session: Session = {
    token: () => token,
    isJoined: () => isJoined,
    mayStart: () => performance.now() < validUntil,
    renewed: (sentAt) => {
      validUntil = Math.max(validUntil, sentAt + leaseMs * SAFE);
    },
    join,
    lost: (link) => {
      if (joining !== undefined || !link.isConnected()) return;
      isJoined = false;
      joining = join(link)
        .catch((error: unknown) => link.reset(error))
        .finally(() => {
          joining = undefined;
        });
    },
    down: () => {
      isJoined = false;
    },
    startBeating: (link) => {
      if (isStopped) return;
      timer ??= setInterval(() => {
        if (!isJoined) return;
        const sentAt = performance.now();
        link.run(BEAT, prefix, [token, leaseMs, progress().id, keepMs(settings)]).then(
          (known) => {
            if (known === 0) session.lost(link);
            else session.renewed(sentAt);
          },
          (error: unknown) => {
            const { kind, isServer } = readFailure(error);
            if (kind === 'unknown' || isServer) link.reset(error);
            else if (kind === 'refused') report(unavailable('Redis refused a heartbeat', error));
          },
        );
      }, leaseMs / 3);
    },
    stop: () => {
      isStopped = true;
      clearInterval(timer);
      timer = undefined;
      isJoined = false;
    },
  };
  return session;
};
