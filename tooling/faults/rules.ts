/**
 * The rules of reliability that the project began with, and the tests that show each of them. Where what was built differs from a
 * rule on purpose, docs/decisions/0014 says how and why, and the tests named here show what holds instead.
 */

const CORE = 'packages/pantheon-core/test';
const MEMORY = 'packages/pantheon-core/src/memory';
const LEASES = 'packages/pantheon-core/src/adapter/held-leases.test.ts';
const KIT = 'packages/pantheon-testkit/src';
const REDIS_BUS = 'packages/adapter-redis-bus';
const OPENAI = 'packages/adapter-openai-llm';
const FAULTS = 'tooling/faults';

/** The tests that are named, by their file. */
type Proof = Readonly<Record<string, readonly string[]>>;

interface Rule {
  readonly id: string;
  readonly what: string;
  readonly proof: Proof;
  /** It is kept in part, or in another way. */
  readonly differs?: true;
}

export const RULES: readonly Rule[] = [
  {
    id: 'R-ENV-1',
    what: 'a message has an id that its sender may choose, a time, a cause and hops',
    differs: true,
    proof: {
      [`${KIT}/bus-suite.ts`]: [
        'a message gets an id of its own, a time and 0 hops',
        'what the sender gave is kept, in every script',
      ],
    },
  },
  {
    id: 'R-ENV-2',
    what: 'what is no content, or too large, is refused before anything is sent',
    differs: true,
    proof: {
      [`${KIT}/bus-suite.ts`]: [
        'what is no message rejects before anything is delivered',
        'a content of more than 262,144 bytes rejects, one of exactly so many arrives',
      ],
      [`${FAULTS}/data.test.ts`]: [
        'H2: depth and breadth',
        'H5: contents that are no text',
        'H7: large messages in memory',
      ],
    },
  },
  {
    id: 'R-ENV-3',
    what: 'ids are bounded texts, and are encoded wherever they become keys',
    differs: true,
    proof: {
      'packages/pantheon-core/src/core/text.test.ts': ['a name'],
      [`${FAULTS}/filters.test.ts`]: ['H3 ids and keys that mean something, on ${name}'],
      [`${REDIS_BUS}/test/faults-data.test.ts`]: [
        'D11 odd namespaces share nothing: messages, ids, groups, dead letters',
      ],
    },
  },
  {
    id: 'R-ENV-4',
    what: 'no handler sees what another one, or the sender, does to a message',
    proof: {
      [`${FAULTS}/bus.test.ts`]: [
        'A7: neither a handler nor the sender changes what another handler gets',
      ],
      [`${KIT}/bus-suite.ts`]: ['what is handed out can be changed without effect on anybody else'],
    },
  },
  {
    id: 'R-BUS-1',
    what: 'send rejects as not sent or as unknown, and never resolves for what was dropped',
    differs: true,
    proof: {
      [`${KIT}/bus-suite.ts`]: ['a full bus rejects, and delivers exactly what it accepted'],
      [`${REDIS_BUS}/src/redis-bus.test.ts`]: [
        'a connection that carries nothing any more is noticed: sends say that they do not know, and all goes on',
        'a refusal does not hide that an earlier attempt may have been accepted',
      ],
    },
  },
  {
    id: 'R-BUS-2',
    what: 'an id that is known is accepted and not delivered again',
    differs: true,
    proof: {
      [`${KIT}/bus-suite.ts`]: [
        'a message with the id of an earlier one is accepted and not delivered again',
      ],
      [`${REDIS_BUS}/src/redis-bus.test.ts`]: [
        'an id is recognised over processes, also when both send at once',
        'ids are forgotten after two generations, and not before one',
      ],
    },
  },
  {
    id: 'R-BUS-3',
    what: 'what a handler throws reaches neither the sender nor other handlers',
    proof: {
      [`${KIT}/bus-suite.ts`]: ['a handler that throws, rejects or never settles hurts nobody'],
      [`${FAULTS}/bus.test.ts`]: [
        'A1, A2: one of three handlers %s',
        'A3: one of ten members of a group never ends',
      ],
    },
  },
  {
    id: 'R-BUS-4',
    what: 'a failed delivery is repeated after growing delays, then a dead letter, of which there is a limit',
    proof: {
      [`${MEMORY}/memory-bus.test.ts`]: [
        'waits 1, 5, 30 and 120 times the delay between its deliveries',
        'are bounded; the oldest beyond is reported',
      ],
      [`${FAULTS}/bus.test.ts`]: ['A10: one poison message among a thousand'],
      [`${REDIS_BUS}/test/faults-data.test.ts`]: [
        'H8 entries of foreign clients are set aside, and the bus goes on',
      ],
      [`${REDIS_BUS}/src/redis-bus.test.ts`]: [
        'dead letters are shared: one bus gives up, another lists and redrives',
      ],
    },
  },
  {
    id: 'R-BUS-5',
    what: 'nothing is delivered after unsubscribe, nor to who subscribes during a delivery',
    differs: true,
    proof: {
      [`${KIT}/bus-suite.ts`]: [
        'after unsubscribe returned the handler is not called, not for what was sent before either',
        'a handler that is unsubscribed during a delivery does not get that message',
        'a handler that subscribes during a delivery does not get that message',
        'the same function subscribed twice is two subscriptions',
      ],
    },
  },
  {
    id: 'R-BUS-6',
    what: 'timers run whatever handlers send each other',
    proof: {
      [`${KIT}/bus-suite.ts`]: [
        'an endless exchange of messages leaves timers their turn',
        'an endless exchange between the members of a group leaves timers their turn',
      ],
    },
  },
  {
    id: 'R-BUS-7',
    what: 'a chain of messages ends at its limit of hops',
    proof: {
      [`${CORE}/mailbox.test.ts`]: [
        'two actors that answer each other for ever are stopped at maxHops, with the path',
      ],
      [`${FAULTS}/tools-and-spawn.test.ts`]: ['G7: messages that never end'],
    },
  },
  {
    id: 'R-BUS-8',
    what: 'what was not acknowledged is neither trimmed nor evicted',
    differs: true,
    proof: {
      [`${REDIS_BUS}/src/redis-bus.test.ts`]: [
        'a Redis that may evict is refused with the setting to change',
        'a group keeps messages while it has no member, until it is forgotten',
        'a plain subscription that cannot keep up is told how much it missed',
      ],
      [`${REDIS_BUS}/test/faults-server.test.ts`]: [
        'D6 FLUSHALL and a deleted inbox are told loudly, and new messages flow',
      ],
    },
  },
  {
    id: 'R-BUS-9',
    what: 'a connection that carries nothing is noticed and replaced',
    proof: {
      [`${REDIS_BUS}/src/redis-bus.test.ts`]: [
        'a connection that carries nothing any more is noticed: sends say that they do not know, and all goes on',
      ],
      [`${REDIS_BUS}/test/faults-server.test.ts`]: ['D4 is away for longer than the watchdog'],
    },
  },
  {
    id: 'R-BUS-10',
    what: 'two buses in one process are as good as two processes, and a closed one leaves nothing',
    proof: {
      [`${REDIS_BUS}/src/redis-bus.test.ts`]: [
        'two buses and two processes handle each message of a group once, in order, one at a time for a recipient',
        'close leaves neither sockets nor timers nor connections',
      ],
      [`${KIT}/bus-suite.ts`]: [
        'close delivers what was accepted, holds nothing, and refuses what comes after it',
        'close waits for a handler of a group',
      ],
    },
  },
  {
    id: 'R-MB-1',
    what: 'ticks of one actor never overlap, whoever asks, over processes neither',
    proof: {
      [`${FAULTS}/tick-and-loop.test.ts`]: [
        'B6: a thousand calls, a loop and messages to one actor',
      ],
      [`${CORE}/leases.test.ts`]: [
        'ticks of one actor do not overlap over processes, and those of others do not wait',
      ],
      [`${FAULTS}/workers/kills.test.ts`]: [
        'C1 ${KILLS} random kills of three workers on ${name}: nothing lost, nothing twice',
      ],
    },
  },
  {
    id: 'R-MB-2',
    what: 'a mailbox is bounded, and what does not fit is answered',
    differs: true,
    proof: {
      [`${CORE}/mailbox.test.ts`]: [
        'policy %s with room for two: %j',
        'dropped and refused bus messages end as dead letters with their reason',
      ],
    },
  },
  {
    id: 'R-MB-3',
    what: 'first in, first out; turns of a loop do not pile up',
    differs: true,
    proof: {
      [`${CORE}/mailbox.test.ts`]: [
        'ticks of one actor never overlap, whoever asks, and run in order',
      ],
      [`${CORE}/loops.test.ts`]: [
        'turns that fall into a running tick are skipped, counted and told',
      ],
    },
  },
  {
    id: 'R-MB-4',
    what: 'an idle actor costs nothing, and recipients that come and go leave nothing',
    proof: {
      [`${CORE}/mailbox.test.ts`]: ['an idle orchestrator remembers no actor'],
      [`${FAULTS}/bus.test.ts`]: ['A11: a million recipients, one message each'],
      [`${FAULTS}/resources.test.ts`]: [
        'I2: ten thousand loops and subscriptions, a thousand buses',
      ],
    },
  },
  {
    id: 'R-MB-5',
    what: 'no busy actor waits longer than three times the mean',
    proof: {
      [`${FAULTS}/fairness.test.ts`]: [
        'R-MB-5 of 1,000 busy actors none waits longer than three times the mean',
      ],
    },
  },
  {
    id: 'R-TICK-1',
    what: 'a tick resolves to a report, and rejects only where nothing ran',
    differs: true,
    proof: {
      [`${CORE}/tick.test.ts`]: [
        'has behaviors, actions, outcomes, durations and usage',
        'a context failure rejects the tick with its own error, and nothing ran',
        '%s: actor-not-runnable',
      ],
    },
  },
  {
    id: 'R-TICK-2',
    what: 'behaviors run in order, on a context that is compiled once',
    differs: true,
    proof: {
      [`${CORE}/specification.test.ts`]: [
        'talents and behaviors in script order, each plan followed by its actions',
      ],
      [`${CORE}/tick.test.ts`]: [
        'is compiled once for all behaviors and rounds',
        'is not compiled when no behavior is selected',
      ],
    },
  },
  {
    id: 'R-TICK-3',
    what: 'a plan is checked before anything of it runs; valid actions beside invalid ones run',
    differs: true,
    proof: {
      [`${CORE}/tick.test.ts`]: [
        'an action of the wrong shape is invalid, with its path; valid siblings run',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: ['B9: plans that are no plans'],
      [`${FAULTS}/data.test.ts`]: ['H1: fuzzed actions in ${PLANS} plans'],
    },
  },
  {
    id: 'R-TICK-4',
    what: 'an action has the same id, and a call the same key, every time',
    proof: {
      [`${CORE}/journal.test.ts`]: [
        'the same call has the same key in every process',
        'a child is spawned once, and a recorded spawn finds its script again',
      ],
    },
  },
  {
    id: 'R-TICK-5',
    what: 'what is deaf is given up in its time, and late results are dropped and counted',
    proof: {
      [`${CORE}/tick.test.ts`]: [
        'a deaf plan is given up after planTimeoutMs, its signal aborts, the next behavior runs',
        'a deaf tool is given up after actionTimeoutMs, or its own; a late result is counted and dropped',
        'a tick is given up after tickTimeoutMs: what runs is aborted, the rest is skipped',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: ['B8: a caller gives up'],
    },
  },
  {
    id: 'R-TICK-6',
    what: 'a failing action does not stop later ones, unless its behavior says so',
    differs: true,
    proof: {
      [`${CORE}/specification.test.ts`]: [
        'action isolation: a failed action is logged and does not stop the next',
      ],
      [`${CORE}/tick.test.ts`]: [
        'onActionError stop gives up the remaining actions of that behavior only',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: [
        'B4: a failing behavior, a failing action, a failing context',
      ],
    },
  },
  {
    id: 'R-TICK-7',
    what: 'no listener and no timer outlives a tick',
    proof: {
      [`${CORE}/tick.test.ts`]: ['ticks that wait for nothing long leave no timer'],
      [`${KIT}/tools-suite.ts`]: [
        "a call that ended by itself leaves no listener on the caller's signal",
      ],
      [`${FAULTS}/tools-and-spawn.test.ts`]: ['G1: ten thousand calls of a deaf tool, %s'],
    },
  },
  {
    id: 'R-TICK-8',
    what: 'the mode of a behavior and the input decide whether it runs',
    differs: true,
    proof: { [`${CORE}/specification.test.ts`]: ['input $input runs $runs'] },
  },
  {
    id: 'R-LOOP-1',
    what: 'an interval that is none is refused at once',
    differs: true,
    proof: {
      [`${KIT}/scheduler-suite.ts`]: [
        'an interval that is no whole number of milliseconds in range throws at once',
        'once with 0 runs soon and never inside the call',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: ['B1: bad intervals are refused and never run'],
    },
  },
  {
    id: 'R-LOOP-2',
    what: 'never two ticks of a loop at once, and no burst after a pause',
    differs: true,
    proof: {
      [`${CORE}/loops.test.ts`]: [
        'a turn that is due while the previous one runs is skipped and counted; later ones keep the beat',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: [
        'B2: a tick that is slower than its interval',
        'B5: no burst after the process stood still',
      ],
    },
  },
  {
    id: 'R-LOOP-3',
    what: 'loops that start together do not all tick together',
    differs: true,
    proof: {
      [`${KIT}/scheduler-suite.ts`]: ['every runs its task at start + n * interval'],
      'packages/adapter-cron-scheduler/src/cron-scheduler.test.ts': [
        'puts each fire off by its own random time, and every fire runs once',
      ],
    },
  },
  {
    id: 'R-LOOP-4',
    what: 'stop is final wherever it is called, and an actor never has two loops',
    differs: true,
    proof: {
      [`${CORE}/loops.test.ts`]: [
        'is final: before the first turn, twice, inside of its own tick, and while the record is being read',
        'never two loops for one actor: the same interval gives the same loop, another one is refused',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: ['B7: stop in every place, two hundred times'],
    },
  },
  {
    id: 'R-LOOP-5',
    what: 'a failing tick does not end its loop, which pauses longer and longer',
    differs: true,
    proof: {
      [`${CORE}/limits.test.ts`]: [
        'the loop of a failing actor pauses longer and longer, and is reset by a success',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: [
        'B3: every second tick fails, in each way that there is',
      ],
    },
  },
  {
    id: 'R-LOOP-6',
    what: 'loops do not drift, whatever the wall clock does',
    proof: {
      [`${KIT}/scheduler-suite.ts`]: ['a run that was late does not make the next ones late'],
      'packages/adapter-bullmq-scheduler/test/faults.test.ts': [
        'every second through a clock that is set an hour on and an hour back',
      ],
    },
  },
  {
    id: 'R-LOOP-7',
    what: 'a loop keeps its process alive, and nothing does after its end',
    proof: {
      [`${KIT}/scheduler-suite.ts`]: [
        'what is pending keeps the process alive, and nothing else does',
      ],
      [`${MEMORY}/memory-scheduler.test.ts`]: [
        'runs until its last task has run, and ends at once when all were ended',
      ],
    },
  },
  {
    id: 'R-LOOP-8',
    what: 'cron knows both changes of the clock, and a shared schedule runs each instant once',
    proof: {
      [`${KIT}/scheduler-suite.ts`]: [
        'cron runs a time that the spring change leaves out once, after the gap',
        'cron runs a time that the autumn change has twice once',
        'a named schedule runs each instant in one of the processes that have it',
      ],
    },
  },
  {
    id: 'R-STATE-1',
    what: 'a stale version is a conflict, and an update without one loses nothing',
    proof: {
      [`${KIT}/state-suite.ts`]: [
        'an update of another version than expected rejects and changes nothing',
        'of two processes whose updates expect the same version one succeeds',
        'concurrent updates of two processes are all applied, and both see them',
      ],
    },
  },
  {
    id: 'R-STATE-2',
    what: 'a state port hands out copies, merges key by key, and has no way to a prototype',
    proof: {
      [`${KIT}/state-suite.ts`]: [
        'what the port hands out can be changed without effect',
        'metadata are merged key by key, and undefined removes a key',
        'a patch with a key that could reach a prototype rejects and changes nothing',
      ],
    },
  },
  {
    id: 'R-STATE-3',
    what: 'what must be recorded together is recorded together',
    differs: true,
    proof: {
      [`${KIT}/journal-suite.ts`]: [
        'a step runs once, and is answered from the record afterwards',
        'of two records of one tick, what was recorded first holds for both',
      ],
    },
  },
  {
    id: 'R-STATE-4',
    what: 'a crash at any point repeats nothing that was recorded',
    differs: true,
    proof: {
      [`${FAULTS}/crash/crash.test.ts`]: [
        'C2 a process with a ${journal} journal that is killed %s loses nothing and repeats nothing that was recorded',
      ],
      [`${CORE}/journal.test.ts`]: [
        'a process that dies at any write loses nothing and repeats nothing that was recorded',
      ],
    },
  },
  {
    id: 'R-STATE-4b',
    what: 'a message that comes again finds its tick, and goes on with it',
    proof: {
      [`${KIT}/journal-suite.ts`]: [
        'the same cause of the same actor is the same tick, whatever its id',
      ],
      [`${CORE}/journal.test.ts`]: [
        'a message that comes again is handled once, and one whose tick failed is tried again without a new plan',
      ],
    },
  },
  {
    id: 'R-STATE-5',
    what: 'a tool says whether it may be repeated, how long it may take, how much it may return, and what it does',
    proof: {
      'packages/adapter-function-tools/src/function-tools.test.ts': [
        'keep to the limit of the tool where it has one',
        'of the caller come before those of the tool, and those before the default',
        'say that the outcome is unknown, and are retryable for an idempotent tool only',
      ],
      [`${FAULTS}/security.test.ts`]: [
        'a plan that calls it all the same is denied, and so is the application for such an actor',
      ],
    },
  },
  {
    id: 'R-STATE-6',
    what: 'no transaction waits for anything but the database',
    proof: {
      'packages/adapter-postgres-state/test/faults.test.ts': [
        'two connections serve 200 updates while a stopped worker holds the row',
      ],
      'packages/adapter-postgres-journal/src/postgres-journal.test.ts': [
        'what is asked for in one turn is one statement',
      ],
    },
  },
  {
    id: 'R-STATE-7',
    what: 'tables are brought up to date under a lock, and unknown fields stay',
    proof: {
      'packages/postgres-schema/src/schema.test.ts': [
        'of an older release are brought up to date, with their rows, step by step and each step once',
        'that the previous release can no longer use are refused by it, and left as they are',
      ],
      'packages/adapter-redis-state/src/redis-state.test.ts': [
        'a record of a newer version is refused with a sentence, and members that are not known stay',
      ],
    },
  },
  {
    id: 'R-SPAWN',
    what: 'spawning is limited in depth and breadth before it happens',
    differs: true,
    proof: {
      [`${CORE}/limits.test.ts`]: [
        'depth: cyclic spawning ends, and the denial is visible',
        'children: at most maxChildren are alive, also when many are asked for at once',
      ],
      [`${FAULTS}/tools-and-spawn.test.ts`]: ['G6: actors that spawn each other without end'],
    },
  },
  {
    id: 'R-BUD',
    what: 'a budget is reserved before it is spent, down the tree and over processes',
    differs: true,
    proof: {
      [`${CORE}/budgets.test.ts`]: [
        'is spent to the last call and not beyond, by 50 calls at once',
        'is taken from all of them or from none',
      ],
      [`${CORE}/limits.test.ts`]: [
        '%j: the call beyond the limit does not happen, and the actor pauses',
      ],
    },
  },
  {
    id: 'R-LEASE-1',
    what: 'a token is an epoch and 128 random bits, and the whole of it is compared',
    differs: true,
    proof: {
      [`${KIT}/lease-suite.ts`]: ['tokens are unique and begin with an epoch that grows'],
      [LEASES]: ['a nonce has 128 random bits'],
      'packages/adapter-redis-lease/test/faults.test.ts': [
        'M13 a server that lost its last writes counts twice, and the tokens differ all the same',
      ],
    },
  },
  {
    id: 'R-LEASE-2',
    what: 'a holder renews every third of the term, and begins nothing after 80 % without a renewal',
    differs: true,
    proof: {
      [LEASES]: [
        'begins before its request was sent',
        'are sent every third of the term, however long their answers take',
        'that fail are sent again every tenth of the term, up to 80 % of it',
      ],
      [`${FAULTS}/workers/split.test.ts`]: [
        'C7 ${CUTS} cuts of a worker on ${name}: it stops by itself and another one goes on',
      ],
    },
  },
  {
    id: 'R-LEASE-3',
    what: 'another process takes over soon after the term, and at once after a release',
    proof: {
      [`${KIT}/lease-suite.ts`]: [
        'the lease of a holder that is gone is free after its term, and not before',
        'release frees the name at once, and may be called again',
      ],
      [`${FAULTS}/workers/split.test.ts`]: [
        'C7 ${CUTS} cuts of a worker on ${name}: it stops by itself and another one goes on',
      ],
    },
  },
  {
    id: 'R-LEASE-4',
    what: 'one hash slot in Redis; the clock of the database in PostgreSQL',
    differs: true,
    proof: {
      'packages/adapter-postgres-lease/src/postgres-lease.test.ts': [
        'the term is measured by the clock of the database',
      ],
      [`${REDIS_BUS}/test/topologies.test.ts`]: ['carries messages: a namespace is one slot'],
    },
  },
  {
    id: 'R-LEASE-5',
    what: 'what a late process does changes nothing that was recorded',
    differs: true,
    proof: {
      [`${FAULTS}/workers/pauses.test.ts`]: [
        'C3 ${PAUSES} pauses of a worker on ${name}: what it does late changes nothing',
      ],
      [`${CORE}/leases.test.ts`]: [
        'a tick that loses its lease is given up, begins nothing more, and is left for the next process',
      ],
    },
  },
  {
    id: 'R-LLM-1',
    what: 'one layer repeats, and it is ours',
    proof: {
      [`${OPENAI}/src/openai-client.test.ts`]: [
        'does not repeat on its own, and its key is in no error',
      ],
    },
  },
  {
    id: 'R-LLM-2',
    what: 'four clocks end a call, and its socket with it',
    proof: {
      [`${OPENAI}/src/clocks.test.ts`]: [
        'ends a hang %s (%s)',
        'for the whole call ends an answer that trickles',
      ],
      [`${OPENAI}/src/responses-answer.test.ts`]: ['keep-alive events are no content'],
      [`${OPENAI}/test/faults.test.ts`]: ['a hang ends with its clock, and its socket is closed'],
    },
  },
  {
    id: 'R-LLM-3',
    what: 'what may pass is repeated three times, what cannot is not',
    proof: {
      [`${OPENAI}/test/faults.test.ts`]: [
        'what may pass is repeated three times after growing waits, and is typed',
        'what waiting cannot mend is asked once',
      ],
    },
  },
  {
    id: 'R-LLM-4',
    what: 'a wait that the server asks for is kept to, by all actors of one key',
    proof: {
      [`${OPENAI}/test/faults.test.ts`]: [
        'what Retry-After asks for is kept to, in every form; what makes no sense is not',
        'a limit of the rate is not run into again by fifty actors at once',
      ],
      [`${OPENAI}/src/gate.test.ts`]: [
        'beyond the call is an error at once, for those that come later as well',
        'is followed by one request, and only then by the others',
      ],
    },
  },
  {
    id: 'R-LLM-5',
    what: 'an answer that is broken or cut off is no success, and is repaired once',
    proof: {
      [`${OPENAI}/test/faults.test.ts`]: [
        'a broken tool call is not acted upon, is repaired once, and leaves a history that a strict server takes',
      ],
      [`${OPENAI}/src/chat-answer.test.ts`]: [
        'because it ends without finish_reason is truncated',
        'beyond maxBodyBytes is not read to its end',
      ],
    },
  },
  {
    id: 'R-LLM-6',
    what: 'an abort is seen at every moment, and leaves no listener',
    proof: {
      [`${OPENAI}/test/faults.test.ts`]: [
        'an abort is seen within 100 ms at every phase, and leaves nothing',
      ],
      [`${KIT}/llm-suite.ts`]: ['a call that ended by itself keeps no listener'],
    },
  },
  {
    id: 'R-LLM-7',
    what: 'what a failed call has cost is told',
    proof: {
      [`${OPENAI}/src/clocks.test.ts`]: ['tells what was paid, where the server said it in time'],
      [`${OPENAI}/src/chat-answer.test.ts`]: [
        'is repaired by one more turn, and both turns are paid',
      ],
    },
  },
  {
    id: 'R-SUP-1',
    what: 'an actor that fails again and again is paused, and hurts no other',
    differs: true,
    proof: {
      [`${CORE}/limits.test.ts`]: [
        '%s: %s after maxFailures, and no sooner',
        'failures further apart than withinMs do not add up',
      ],
    },
  },
  {
    id: 'R-SUP-2',
    what: 'children stop with their parent, and orphans are found at the start',
    proof: {
      [`${CORE}/supervision.test.ts`]: [
        'waits while its ancestor is paused, and goes on when that one does',
        'starts the loops of spawned actors again, and stops orphans',
      ],
      [`${FAULTS}/tools-and-spawn.test.ts`]: ['G6: actors that spawn each other without end'],
    },
  },
  {
    id: 'R-SUP-3',
    what: 'no actor, tool or adapter ends the process',
    differs: true,
    proof: {
      [`${FAULTS}/tools.test.ts`]: [
        'G3: what tools throw',
        'G5: results that are too much, or no data',
      ],
      [`${FAULTS}/tick-and-loop.test.ts`]: ['B9: plans that are no plans'],
      [`${FAULTS}/bus.test.ts`]: ['A1, A2: the figures of all of them'],
    },
  },
  {
    id: 'R-SHUT-1',
    what: 'a stop takes no more, lets ticks end, aborts what does not, and gives leases back',
    differs: true,
    proof: {
      [`${CORE}/mailbox.test.ts`]: [
        'lets running ticks end, answers what waits, and takes no more',
        'aborts deaf ticks at the deadline',
      ],
      [`${CORE}/leases.test.ts`]: ['stop gives every lease back'],
      [`${FAULTS}/shutdown.test.ts`]: ['J3: stop ten times at once, and inside of a tick'],
    },
  },
  {
    id: 'R-SHUT-2',
    what: 'a signal ends the process within the deadline, a second one at once',
    proof: {
      [`${FAULTS}/shutdown.test.ts`]: [
        'J1: under load, the demo',
        'J1: with a deaf tool',
        'J1: while Redis is away',
        'J3: a second signal while a tool does not let go',
      ],
    },
  },
  {
    id: 'R-SHUT-3',
    what: 'a stop loses nothing that was accepted, and others take over at once',
    proof: {
      [`${FAULTS}/shutdown.test.ts`]: ['J2: under load, again and again, with restarts'],
      [`${FAULTS}/workers/restarts.test.ts`]: [
        'C8 ${RESTARTS} workers on ${name} are asked to stop, one after the other',
      ],
    },
  },
];
