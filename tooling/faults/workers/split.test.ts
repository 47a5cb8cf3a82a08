/** C7: a worker that can reach its stores no more, and still can call its tools. */
import { type Proxy, type ProxyMode, startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { inScene } from './scene.ts';
import { LOOKS } from './clerk.ts';
import { describeSets } from './sets.ts';
import { DUTIES, monotonic } from './settings.ts';
import { until } from './until.ts';

const CUTS = IS_FULL ? 5 : 1;
const TIMEOUT_MS = 600_000;
/** What a slow machine may add to a takeover. */
const GRACE_MS = 8_000;

describeSets('split workers', ['redis', 'postgres'], 2, (name, set) => {
  test(
    `C7 ${CUTS} cuts of a worker on ${name}: it stops by itself and another one goes on`,
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene(
        { ...set(), actors: 6, terms: { leaseMs: 2_000, memberMs: 2_000 } },
        async (scene) => {
          const { redis, postgres } = set();
          const around = async (url: string): Promise<readonly [string, Proxy]> => {
            const way = new URL(url);
            const proxy = await startProxy(Number(way.port));
            way.port = `${proxy.port}`;
            return [way.href, proxy];
          };
          const [redisWay, redisProxy] = await around(redis);
          const [postgresWay, postgresProxy] = postgres === undefined ? [] : await around(postgres);
          const each = (mode: ProxyMode): void => {
            for (const proxy of [redisProxy, postgresProxy]) proxy?.set(mode);
          };
          try {
            const { terms, counter } = scene;
            const cut = await scene.hire(1, { redis: redisWay, postgres: postgresWay });
            const cutName = cut[0]?.name;
            await scene.hire(1);
            let [lateActions, takeoverMs] = [0, 0];
            for (let round = 0; round < CUTS; round += 1) {
              const before = counter.calls.length;
              const looks = (): typeof counter.calls =>
                counter.calls.slice(before).filter(({ kind }) => kind === 'look');
              const isAtWork = (): boolean => looks().some(({ worker }) => worker === cutName);
              // Which worker gets an actor is up to the bus: until the one to be cut has got some.
              for (let sent = 0; !isAtWork();) {
                sent += (await scene.send(DUTIES.look)).length;
                const isOver = (): boolean => looks().length === sent * LOOKS;
                await until(() => isAtWork() || isOver(), 'work of the one that is cut');
              }
              const cutAt = monotonic();
              each({ kind: 'blackhole' });
              const mine = new Set(
                looks().flatMap(({ worker, order }) => (worker === cutName ? [order] : [])),
              );
              const takenOver = (): typeof counter.calls =>
                looks().filter(({ worker, order }) => worker !== cutName && mine.has(order));
              await until(() => takenOver().length > 0, 'the takeover');
              takeoverMs = Math.max(takeoverMs, (takenOver()[0]?.at ?? Infinity) - cutAt);
              // Until it would certainly have gone on, if it did.
              await until(() => monotonic() - cutAt > 2.5 * terms.leaseMs, 'the end of all terms');
              lateActions += looks().filter(
                ({ worker, at }) => worker === cutName && at > cutAt + 0.8 * terms.leaseMs,
              ).length;
              each({ kind: 'pass' });
              await scene.send();
              await scene.settle();
            }
            const findings = scene.findings();
            noteFigures(context, `C7 ${name}`, {
              cuts: CUTS,
              lateActions,
              takeoverMs: Math.round(takeoverMs),
              leaseMs: terms.leaseMs,
              ...findings,
            });
            const { lost, duplicated, overlaps, paidTwice, wrongAnswers } = findings;
            expect({ lateActions, lost, duplicated, overlaps, paidTwice, wrongAnswers }).toEqual({
              lateActions: 0,
              lost: 0,
              duplicated: 0,
              overlaps: 0,
              paidTwice: 0,
              wrongAnswers: 0,
            });
            expect(takeoverMs).toBeLessThan(terms.leaseMs + 2_000 + GRACE_MS);
          } finally {
            await redisProxy.close();
            await postgresProxy?.close();
          }
        },
      ),
  );
});
