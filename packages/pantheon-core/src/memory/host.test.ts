import { describe, expect, test } from 'vitest';
import { makeHostTurn, type TurnHost } from './host.ts';

const hosts: readonly (readonly [name: string, host: TurnHost, close: () => void])[] = [
  ['immediates', { setImmediate, setTimeout }, () => undefined],
  ['timers alone', { setTimeout }, () => undefined],
  (() => {
    let close = (): void => undefined;
    class Channel extends MessageChannel {
      constructor() {
        super();
        close = () => this.port1.close();
      }
    }
    return ['channels', { MessageChannel: Channel, setTimeout }, () => close()] as const;
  })(),
];

describe.each(hosts)('a turn of a host with %s', (_, host, close) => {
  test('comes after promises, in order, and leaves a timer its own', async () => {
    const hostTurn = makeHostTurn(host);
    const runs: string[] = [];
    let isOver = false;
    setTimeout(() => {
      isOver = true;
    }, 5);
    await new Promise<void>((resolve) => {
      hostTurn(() => runs.push('first'));
      hostTurn(() => runs.push('second'));
      void Promise.resolve().then(() => runs.push('promise'));
      const again = (): void => {
        if (isOver) resolve();
        else hostTurn(again);
      };
      again();
    });
    close();
    expect(runs).toEqual(['promise', 'first', 'second']);
  });
});
