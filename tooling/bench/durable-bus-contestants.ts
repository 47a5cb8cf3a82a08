/** The ways to carry messages over Redis that W4 compares. */
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

/** Where the contestants, which are processes of their own, find the server. */
export const REDIS = 'PANTHEON_BENCH_REDIS';
export const BATCH = 100;
export const RECIPIENTS = 100;

/** A message on its way. */
export interface Parcel {
  /** The recipient's number. */
  readonly to: number;
  readonly content: string;
}

/** The side that sends. */
export interface Sender {
  /** Sends as this contestant does; resolves when Redis has all. */
  readonly sendAll: (parcels: readonly Parcel[]) => Promise<void>;
  /** Sends one on its own. */
  readonly sendOne?: (parcel: Parcel) => Promise<unknown>;
}

/** One way to carry messages. */
export interface Contestant {
  readonly name: string;
  /** Whether the messages to one recipient stay in order, also with several consumers. */
  readonly isOrdered: boolean;
  /** Whether it can send one message on its own; others send in batches, or differ only in who sends. */
  readonly isSingle: boolean;
  readonly sender: () => Promise<Sender>;
  /** Resolves when it consumes. */
  readonly consume: (handle: (parcel: Parcel) => void) => Promise<void>;
}

const NAME = 'bench';
const GROUP = 'clerks';
const host = (): { host: string; port: number } => {
  const { hostname, port } = new URL(process.env[REDIS] as string);
  return { host: hostname, port: Number(port) };
};
const connect = (): Redis => new Redis(host());

/** Each of the recipients has a sender of its own, which sends its next message when the last one was accepted. */
const bySenders =
  (sendOne: (parcel: Parcel) => Promise<unknown>) =>
  async (parcels: readonly Parcel[]): Promise<void> => {
    const queues = Array.from({ length: RECIPIENTS }, (): Parcel[] => []);
    for (const parcel of parcels) queues[parcel.to]?.push(parcel);
    await Promise.all(
      queues.map(async (queue) => {
        for (const parcel of queue) await sendOne(parcel);
      }),
    );
  };

const oneByOne =
  (sendOne: (parcel: Parcel) => Promise<unknown>) =>
  async (parcels: readonly Parcel[]): Promise<void> => {
    for (const parcel of parcels) await sendOne(parcel);
  };

const inBatches =
  (sendBatch: (batch: readonly Parcel[]) => Promise<unknown>) =>
  async (parcels: readonly Parcel[]): Promise<void> => {
    for (let at = 0; at < parcels.length; at += BATCH)
      await sendBatch(parcels.slice(at, at + BATCH));
  };

type Entries = readonly (readonly [
  stream: string,
  entries: readonly (readonly [string, string[]])[],
])[];

const consumeStream = async (count: number, handle: (parcel: Parcel) => void): Promise<void> => {
  const [reader, writer] = [connect(), connect()];
  await writer.xgroup('CREATE', NAME, GROUP, '0', 'MKSTREAM');
  const read = async (): Promise<void> => {
    for (;;) {
      const streams = (await reader.xreadgroup(
        'GROUP',
        GROUP,
        'consumer',
        'COUNT',
        count,
        'BLOCK',
        2_000,
        'STREAMS',
        NAME,
        '>',
      )) as Entries | null;
      for (const [, entries] of streams ?? []) {
        for (const [, [, to, , content = '']] of entries) handle({ to: Number(to), content });
        await writer.xack(NAME, GROUP, ...entries.map(([id]) => id));
      }
    }
  };
  void read();
};

const xadd =
  (client: Redis) =>
  ({ to, content }: Parcel): Promise<unknown> =>
    client.xadd(NAME, '*', 'to', to, 'content', content);

const consumeQueue = async (handle: (parcel: Parcel) => void): Promise<void> => {
  const worker = new Worker<Parcel>(
    NAME,
    async ({ data }) => {
      handle(data);
    },
    { connection: { ...host(), maxRetriesPerRequest: null }, concurrency: RECIPIENTS },
  );
  await worker.waitUntilReady();
};
const openQueue = async (): Promise<Queue> => {
  const queue = new Queue(NAME, {
    connection: host(),
    defaultJobOptions: { removeOnComplete: true },
  });
  await queue.waitUntilReady();
  return queue;
};

const openBus = (): ReturnType<typeof makeRedisBus> =>
  makeRedisBus({ url: process.env[REDIS], namespace: NAME });

export const OURS = 'redis bus';
export const BATCHES = `Streams, batches of ${BATCH}`;
export const QUEUE = `BullMQ, ${RECIPIENTS} senders`;

export const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'Streams, one by one',
    isOrdered: false,
    isSingle: true,
    sender: async () => {
      const sendOne = xadd(connect());
      return { sendOne, sendAll: oneByOne(sendOne) };
    },
    consume: (handle) => consumeStream(1, handle),
  },
  {
    name: BATCHES,
    isOrdered: false,
    isSingle: false,
    sender: async () => {
      const client = connect();
      return {
        sendAll: inBatches((batch) => {
          const pipeline = client.pipeline();
          for (const { to, content } of batch)
            pipeline.xadd(NAME, '*', 'to', to, 'content', content);
          return pipeline.exec();
        }),
      };
    },
    consume: (handle) => consumeStream(BATCH, handle),
  },
  {
    name: 'BullMQ, one by one',
    isOrdered: false,
    isSingle: true,
    sender: async () => {
      const queue = await openQueue();
      const sendOne = (parcel: Parcel): Promise<unknown> => queue.add('message', parcel);
      return { sendOne, sendAll: oneByOne(sendOne) };
    },
    consume: consumeQueue,
  },
  {
    name: QUEUE,
    isOrdered: false,
    isSingle: false,
    sender: async () => {
      const queue = await openQueue();
      return { sendAll: bySenders((parcel) => queue.add('message', parcel)) };
    },
    consume: consumeQueue,
  },
  {
    name: `BullMQ, bulks of ${BATCH}`,
    isOrdered: false,
    isSingle: false,
    sender: async () => {
      const queue = await openQueue();
      return {
        sendAll: inBatches((batch) =>
          queue.addBulk(batch.map((data) => ({ name: 'message', data }))),
        ),
      };
    },
    consume: consumeQueue,
  },
  {
    name: OURS,
    isOrdered: true,
    isSingle: true,
    sender: async () => {
      const bus = openBus();
      await bus.ready();
      const sendOne = ({ to, content }: Parcel): Promise<unknown> =>
        bus.send({ from: `sender-${to}`, to: `recipient-${to}`, content });
      return { sendOne, sendAll: bySenders(sendOne) };
    },
    consume: async (handle) => {
      const bus = openBus();
      bus.subscribe(
        ({ to, content }) => handle({ to: Number(to.slice(to.indexOf('-') + 1)), content }),
        { group: GROUP },
      );
      await bus.ready();
    },
  },
];
