import assert from 'node:assert/strict';
import type { ILeasePort, Lease, LeaseOptions } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { attempt, eventually, rejectsWith, unhandledDuring, within } from './assertions.ts';
import { deepFreeze } from './freeze.ts';
import type { Case, Harness, Suite } from './suite.ts';

/**
 * What the lease suite needs. Capability for `supports`: `close`.
 *
 * The cases reckon with the time that has really passed by `now`, so that real time may be late; but a host that stops for half a
 * term loses leases, as it must.
 */
export interface LeaseHarness extends Harness {
  readonly leases: ILeasePort;
  /**
   * One more port on the same store, as another process has it. The harness closes it. `isStalled`: as a process has it that stands
   * still: its clock runs on, and no timer of it ever fires.
   */
  readonly another: (options?: {
    readonly isStalled?: boolean;
  }) => ILeasePort | Promise<ILeasePort>;
  /** The clock of the holders, in milliseconds. */
  readonly now: () => number;
  /** Lets that much time pass, for the holders and for the store: a manual clock's `advance`, or a real wait. */
  readonly advance: (ms: number) => Promise<void>;
  /** Milliseconds of one term, from 100. Default 300; for real time, 600 or more. */
  readonly ttlMs?: number;
  /**
   * Cuts `leases` off from the store until `mend` is called, so that what it asks fails, or gets no answer. A harness that can do
   * only one of them does that for both.
   */
  readonly cut: (how: 'fails' | 'hangs') => Promise<void> | void;
  readonly mend: () => Promise<void> | void;
}

const ODD_NAMES = [
  '__proto__',
  'constructor',
  'a',
  'A',
  'a ',
  'b',
  'a:b',
  'a b',
  '*',
  '?',
  '{a}',
  "o'b",
  'ä',
];

const BAD_NAMES: readonly unknown[] = [
  '',
  'a\u0000b',
  'a\nb',
  'a\u0085b',
  'a\ud800b',
  'x'.repeat(257),
  'ä'.repeat(129),
  7,
  null,
  undefined,
];

const BAD_TERMS: readonly unknown[] = [
  Number.NaN,
  Infinity,
  -1,
  0,
  99,
  100.5,
  86_400_001,
  '1000',
  1000n,
  null,
];

const termOf = ({ ttlMs = 300 }: LeaseHarness): number => ttlMs;

/** Acquires a name that must be free. */
const taken = async (port: ILeasePort, name: string, options?: LeaseOptions): Promise<Lease> => {
  const lease = await within(port.acquire(name, options), `acquiring ${name}`);
  assert.ok(lease !== undefined, `${name} is free: acquire must resolve to a lease`);
  return lease;
};

/** Requires that somebody has the name. */
const refused = async (port: ILeasePort, name: string, why: string): Promise<void> => {
  const lease = await within(port.acquire(name), `acquiring ${name}, which somebody has`);
  assert.equal(lease, undefined, why);
};

/** Lets time pass until the clock has come to `until`. */
const reach = async ({ now, advance }: LeaseHarness, until: number): Promise<void> => {
  for (let left = until - now(); left > 0; left = until - now()) await advance(left);
};

/** Asks again and again, and tells whether the holder was sure whenever it had to be, and never when it must not be. */
const watch = async (
  harness: LeaseHarness,
  lease: Lease,
  times: { readonly sentAt: number; readonly cutAt: number },
): Promise<void> => {
  const term = termOf(harness);
  const { sentAt, cutAt } = times;
  while (harness.now() < cutAt + term * 0.8) {
    await harness.advance(term / 20);
    const isHeld = lease.isHeld();
    if (harness.now() < sentAt + term * 0.8)
      assert.ok(isHeld, 'a lease is held until 80 % of its term');
  }
  assert.equal(lease.isHeld(), false, 'from 80 % of the term on, a lease is not surely held');
};

/** A lease of a port that is then cut off. */
const cutOff = async (
  harness: LeaseHarness,
  how: 'fails' | 'hangs',
  onLost: () => void = () => undefined,
): Promise<{ readonly lease: Lease; readonly sentAt: number; readonly cutAt: number }> => {
  const sentAt = harness.now();
  const lease = await taken(harness.leases, 'a', { ttlMs: termOf(harness), onLost });
  await harness.cut(how);
  return { lease, sentAt, cutAt: harness.now() };
};

const lostCase = (id: string, how: 'fails' | 'hangs'): Case<LeaseHarness> => ({
  id,
  title: `a holder whose renewals ${how === 'fails' ? 'fail' : 'take for ever'} is sure until 80 % of its term, and never again`,
  run: async (harness) => {
    const { lease, ...times } = await cutOff(harness, how);
    assert.equal(lease.isHeld(), true);
    await watch(harness, lease, times);
    await harness.mend();
    await harness.advance(termOf(harness) / 2);
    assert.equal(lease.isHeld(), false, 'not after the store is there again either');
  },
});

const cases: readonly Case<LeaseHarness>[] = [
  {
    id: 'lease:1',
    title: 'acquire resolves to a lease where nobody holds the name, and to undefined otherwise',
    run: async ({ leases, another }) => {
      const other = await another();
      const lease = await taken(leases, 'a');
      assert.deepEqual([lease.name, lease.isHeld()], ['a', true]);
      await refused(other, 'a', 'another process holds it');
      await refused(leases, 'a', 'this process holds it');
      assert.equal(lease.isHeld(), true, 'being asked for takes nothing away');
      const next = await taken(other, 'b');
      assert.deepEqual([next.name, next.isHeld()], ['b', true], 'another name is free');
      await next.release();
      await refused(other, 'a', 'the release of another name frees this one');
    },
  },
  {
    id: 'lease:1b',
    title: 'of many that ask at once one gets it',
    run: async ({ leases, another }) => {
      const ports = [leases, await another(), await another()];
      for (const name of ['a', 'b', 'c']) {
        const asked = await within(
          Promise.all(
            Array.from({ length: 21 }, (_, n) => (ports[n % 3] as ILeasePort).acquire(name)),
          ),
          `21 calls for ${name}`,
        );
        assert.equal(asked.filter((lease) => lease !== undefined).length, 1, `one has ${name}`);
      }
    },
  },
  {
    id: 'lease:2',
    title: 'tokens are unique and begin with an epoch that grows',
    run: async (harness) => {
      const ports = [harness.leases, await harness.another()];
      const tokens: string[] = [];
      const epochs = new Map<string, number>();
      for (const [round, name] of ['a', 'b', 'a', 'a', 'b', 'a'].entries()) {
        const { epoch, token, release } = await taken(ports[round % 2] as ILeasePort, name);
        assert.ok(Number.isSafeInteger(epoch), `an epoch is a whole number, not ${String(epoch)}`);
        assert.ok(epoch > (epochs.get(name) ?? -Infinity), 'the epoch of a name grows');
        assert.ok(token.startsWith(`${epoch}:`), `${token} begins with the epoch and a colon`);
        epochs.set(name, epoch);
        tokens.push(token);
        await release();
      }
      assert.equal(new Set(tokens).size, tokens.length, 'no token comes twice');
    },
  },
  {
    id: 'lease:2b',
    title: 'a lease that has run out counts too',
    run: async (harness) => {
      const stalled = await harness.another({ isStalled: true });
      const gone = await taken(stalled, 'a', { ttlMs: termOf(harness) });
      await reach(harness, harness.now() + termOf(harness) * 1.1);
      const next = await taken(harness.leases, 'a');
      assert.ok(next.epoch > gone.epoch, 'the epoch grows');
      assert.notEqual(next.token, gone.token);
    },
  },
  {
    id: 'lease:3',
    title: 'a lease is held longer than its term',
    run: async (harness) => {
      let lost = 0;
      const ttlMs = termOf(harness);
      const options = { ttlMs, onLost: () => void (lost += 1) };
      const lease = await taken(harness.leases, 'a', options);
      const other = await harness.another();
      for (let part = 0; part < 12; part += 1) {
        await harness.advance(ttlMs / 4);
        assert.equal(lease.isHeld(), true, 'the holder renews it');
        await refused(other, 'a', 'the holder has it');
      }
      assert.equal(lost, 0);
    },
  },
  lostCase('lease:4', 'fails'),
  lostCase('lease:4b', 'hangs'),
  {
    id: 'lease:4c',
    title: 'a holder that cannot run its timers is told the truth when it asks',
    run: async (harness) => {
      const stalled = await harness.another({ isStalled: true });
      const sentAt = harness.now();
      const lease = await taken(stalled, 'a', { ttlMs: termOf(harness) });
      await watch(harness, lease, { sentAt, cutAt: harness.now() });
    },
  },
  {
    id: 'lease:4d',
    title: 'isHeld is false from the call of release on',
    run: async ({ leases }) => {
      const lease = await taken(leases, 'a');
      const releasing = lease.release();
      assert.equal(lease.isHeld(), false);
      await within(releasing, 'release');
      assert.equal(lease.isHeld(), false);
    },
  },
  {
    id: 'lease:5',
    title: 'onLost is called once, by itself, at 80 % of the term at the latest',
    run: async (harness) => {
      let lost = 0;
      const { lease, sentAt, cutAt } = await cutOff(harness, 'fails', () => void (lost += 1));
      const term = termOf(harness);
      await reach(harness, sentAt + term / 2);
      if (harness.now() < sentAt + term * 0.8) assert.equal(lost, 0, 'not while it is held');
      await reach(harness, cutAt + term * 0.8);
      await eventually(() => lost > 0, 'onLost is called at 80 % of the term');
      assert.equal(lease.isHeld(), false);
      await harness.mend();
      await harness.advance(term);
      await lease.release().catch(() => undefined);
      assert.equal(lost, 1, 'onLost is called once');
    },
  },
  {
    id: 'lease:5b',
    title: 'onLost is called also where the holder asks before it is told',
    run: async (harness) => {
      let lost = 0;
      const { lease, ...times } = await cutOff(harness, 'hangs', () => void (lost += 1));
      await watch(harness, lease, times);
      await eventually(() => lost > 0, 'onLost is called');
      await harness.advance(termOf(harness));
      assert.deepEqual([lost, lease.isHeld()], [1, false]);
    },
  },
  {
    id: 'lease:5c',
    title: 'onLost is not called after release',
    run: async (harness) => {
      let lost = 0;
      const options = { ttlMs: termOf(harness), onLost: () => void (lost += 1) };
      const lease = await taken(harness.leases, 'a', options);
      await lease.release();
      const second = await taken(harness.leases, 'b', options);
      await harness.cut('fails');
      await within(
        second.release().catch(() => undefined),
        'a release that fails',
      );
      await harness.advance(termOf(harness) * 1.2);
      assert.deepEqual([lease.isHeld(), second.isHeld()], [false, false]);
      assert.equal(lost, 0);
    },
  },
  {
    id: 'lease:5d',
    title: 'what onLost throws is dropped',
    run: async (harness) => {
      let lost = 0;
      const onLost = (): never => {
        lost += 1;
        throw new Error('nobody listens');
      };
      const unhandled = await unhandledDuring(async () => {
        const { lease, cutAt } = await cutOff(harness, 'fails', onLost);
        await reach(harness, cutAt + termOf(harness) * 0.8);
        await eventually(() => lost > 0, 'onLost is called');
        assert.equal(lease.isHeld(), false);
      });
      assert.deepEqual(unhandled, []);
    },
  },
  {
    id: 'lease:6',
    title: 'release frees the name at once, and may be called again',
    run: async (harness) => {
      const other = await harness.another();
      const lease = await taken(harness.leases, 'a');
      const released = Promise.all([lease.release(), lease.release()]);
      await within(released, 'releasing twice at once');
      const next = await taken(other, 'a');
      await within(lease.release(), 'releasing again');
      await refused(harness.leases, 'a', 'the next holder has it');
      assert.equal(next.isHeld(), true);
    },
  },
  {
    id: 'lease:6b',
    title: 'a lease that was lost leaves the next holder alone',
    run: async (harness) => {
      const ttlMs = termOf(harness);
      const stalled = await harness.another({ isStalled: true });
      const lease = await taken(stalled, 'a', { ttlMs });
      await reach(harness, harness.now() + ttlMs * 1.1);
      const next = await taken(harness.leases, 'a', { ttlMs });
      await within(lease.release(), 'releasing what was lost');
      await refused(stalled, 'a', 'the next holder has it');
      await harness.advance(ttlMs * 1.2);
      assert.equal(next.isHeld(), true, 'the next holder goes on renewing');
      await refused(stalled, 'a', 'the next holder has it still');
    },
  },
  {
    id: 'lease:6c',
    title: 'a name whose release did not reach the store is free after the term',
    run: async (harness) => {
      const { lease } = await cutOff(harness, 'fails');
      const releasing = lease.release().catch(() => undefined);
      // A call may be given up only after a while.
      await harness.advance(termOf(harness));
      await within(releasing, 'a release that fails');
      await harness.mend();
      await reach(harness, harness.now() + termOf(harness) * 1.1);
      await taken(await harness.another(), 'a');
    },
  },
  {
    id: 'lease:7',
    title: 'the lease of a holder that is gone is free after its term, and not before',
    run: async (harness) => {
      const ttlMs = termOf(harness);
      const stalled = await harness.another({ isStalled: true });
      const sentAt = harness.now();
      await taken(stalled, 'a', { ttlMs });
      const goneAt = harness.now();
      for (;;) {
        const askedAt = harness.now();
        const lease = await within(harness.leases.acquire('a', { ttlMs }), 'acquiring a');
        if (lease !== undefined) break;
        assert.ok(askedAt < goneAt + ttlMs * 1.05, 'the name is free after the term');
        await harness.advance(ttlMs / 20);
      }
      // What a store rounds, and what two clocks differ, is far less than what a holder leaves of its term.
      assert.ok(harness.now() >= sentAt + ttlMs * 0.95, 'the name is not free before');
    },
  },
  {
    id: 'lease:8',
    title: 'a term out of its range is refused',
    run: async ({ leases }) => {
      for (const ttlMs of BAD_TERMS) {
        const options = { ttlMs } as LeaseOptions;
        const acquiring = within(leases.acquire('a', options), 'acquire');
        await rejectsWith(acquiring, 'option-invalid', `a ttlMs of ${String(ttlMs)}`);
      }
      for (const ttlMs of [100, 86_400_000, undefined]) {
        const lease = await taken(leases, 'a', { ttlMs });
        await lease.release();
      }
    },
  },
  {
    id: 'lease:8b',
    title: 'a name that is none is refused, and odd names are data',
    run: async ({ leases, another }) => {
      for (const name of BAD_NAMES) {
        const acquiring = within(leases.acquire(name as string), 'acquire');
        await rejectsWith(acquiring, 'option-invalid', `the name ${String(name)}`);
      }
      const other = await another();
      const names = [...ODD_NAMES, 'x'.repeat(256), 'ä'.repeat(128)];
      const held: Lease[] = [];
      for (const name of names) held.push(await taken(leases, name));
      assert.deepEqual(
        held.map(({ name }) => name),
        names,
      );
      for (const name of names) await refused(other, name, `${name} is held`);
      await held[0]?.release();
      for (const name of names.slice(1)) await refused(other, name, `${name} is held still`);
      await taken(other, names[0] as string);
    },
  },
  {
    id: 'port:1',
    title: 'what is handed in is not changed, and what is handed out may be',
    run: async (harness) => {
      const ttlMs = termOf(harness);
      const lease = await taken(harness.leases, 'a', deepFreeze({ ttlMs, onLost: () => {} }));
      const options = { ttlMs };
      const second = await taken(harness.leases, 'b', options);
      options.ttlMs = 100;
      const { release } = lease;
      attempt(() => Object.assign(lease, { name: 'b', token: '0:none', epoch: 0 }));
      await harness.advance(ttlMs * 1.2);
      assert.deepEqual([lease.isHeld(), second.isHeld()], [true, true]);
      await release();
      await taken(harness.leases, 'a');
      await refused(harness.leases, 'b', 'b was not released');
    },
  },
  {
    id: 'port:2',
    title: 'close releases what is held, is idempotent and refuses what comes after it',
    requires: 'close',
    run: async (harness) => {
      const { leases } = harness;
      assert.ok(leases.close, 'a port that claims "close" has it');
      let lost = 0;
      const other = await harness.another();
      const options = { ttlMs: termOf(harness), onLost: () => void (lost += 1) };
      const lease = await taken(leases, 'a', options);
      await within(leases.close(), 'close');
      await within(leases.close(), 'a second close');
      await rejectsWith(leases.acquire('b'), 'closed', 'acquire after close');
      assert.equal(lease.isHeld(), false, 'close releases');
      await taken(other, 'a');
      await within(lease.release(), 'a release after close');
      await refused(other, 'a', 'the next holder has it');
      await harness.advance(termOf(harness));
      assert.equal(lost, 0, 'a release is no loss');
    },
  },
  {
    id: 'port:2b',
    title: 'a lease that is being acquired while the port is closed is not left behind',
    requires: 'close',
    run: async ({ leases, another }) => {
      assert.ok(leases.close, 'a port that claims "close" has it');
      const other = await another();
      const acquiring = leases.acquire('a').catch((error: unknown) => {
        assert.ok(PantheonError.is(error, 'closed'), `closed, not ${String(error)}`);
        return undefined;
      });
      await within(leases.close(), 'close');
      const lease = await within(acquiring, 'what was being acquired');
      assert.notEqual(lease?.isHeld(), true);
      await taken(other, 'a');
    },
  },
  {
    id: 'port:3',
    title: 'a store that cannot be reached is an error with a code',
    run: async (harness) => {
      const lease = await taken(harness.leases, 'a');
      await harness.cut('fails');
      const asking = harness.leases.acquire('b', { ttlMs: termOf(harness) });
      asking.catch(() => undefined);
      const releasing = lease.release();
      releasing.catch(() => undefined);
      // A call may be given up only after a while.
      await harness.advance(termOf(harness));
      await rejectsWith(asking, ['unavailable', 'outcome-unknown'], 'acquire');
      await rejectsWith(releasing, ['unavailable', 'outcome-unknown'], 'release');
      assert.equal(lease.isHeld(), false);
    },
  },
];

const isolation = async (first: LeaseHarness, second: LeaseHarness): Promise<void> => {
  await taken(first.leases, 'a');
  await taken(second.leases, 'a');
};

/** The contract of `ILeasePort`. */
export const leaseSuite: Suite<LeaseHarness> = { port: 'leases', cases, isolation };
