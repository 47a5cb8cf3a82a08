/**
 * What an application does by itself that has heard of consumer groups: one stream, one group, acknowledged after the handler, and
 * what a consumer has left is claimed by the others. Here to show that the harness sees what is wrong with it.
 */
import type { BusMessage, IMessageBus } from '@promethean/pantheon-core';
import { toBusMessage } from '@promethean/pantheon-core/adapter';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';

type Entries = readonly (readonly [id: string, fields: readonly string[] | null])[];

export const makeNaiveBus = (url: string, stream: string, idleMs: number): IMessageBus => {
  const connect = (): Redis => new Redis(url, { protocol: 2, replyMapping: 'legacy' });
  const writer = connect();
  const readers: Redis[] = [];
  let isClosed = false;

  const handleAll = (
    entries: Entries,
    group: string,
    handler: (message: BusMessage) => unknown,
  ): void => {
    for (const [id, fields] of entries) {
      if (fields === null) continue;
      const message = JSON.parse(fields[1] ?? '') as BusMessage;
      void (async () => {
        await handler(message);
        await writer.xack(stream, group, id);
      })().catch(() => undefined);
    }
  };

  return {
    send: async (outgoing) => {
      const message = toBusMessage(outgoing, outgoing.id ?? randomUUID(), Date.now());
      await writer.xadd(stream, '*', 'message', JSON.stringify(message));
      return message;
    },
    subscribe: (handler, { group } = {}) => {
      const reader = connect();
      readers.push(reader);
      const consumer = randomUUID();
      const name = group ?? consumer;
      void (async () => {
        // The group of a plain subscription is its own.
        await writer.xgroup('CREATE', stream, name, '0', 'MKSTREAM').catch(() => undefined);
        while (!isClosed) {
          const claimed = await reader.xautoclaim(stream, name, consumer, idleMs, '0', 'COUNT', 50);
          handleAll((claimed as unknown as [string, Entries])[1], name, handler);
          const read = await reader.xreadgroup(
            'GROUP',
            name,
            consumer,
            'COUNT',
            50,
            'BLOCK',
            50,
            'STREAMS',
            stream,
            '>',
          );
          handleAll((read as unknown as [string, Entries][] | null)?.[0]?.[1] ?? [], name, handler);
        }
      })().catch(() => undefined);
      return () => undefined;
    },
    close: async () => {
      isClosed = true;
      for (const client of [writer, ...readers]) client.disconnect();
    },
  };
};
