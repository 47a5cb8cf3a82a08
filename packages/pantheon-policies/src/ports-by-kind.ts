import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
} from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';

/** The ports by the names that events and errors give them. */
interface PortsByKind {
  readonly llm: ILlmPort;
  readonly tools: IToolPort;
  readonly context: IContextPort;
  readonly state: IActorStatePort;
  readonly bus: IMessageBus;
  readonly scheduler: IScheduler;
}

export type PortKind = keyof PortsByKind;

/** Any of the ports. */
export type AnyPort = PortsByKind[PortKind];

/** A port together with its kind. */
export type FoundPort<K extends PortKind = PortKind> = {
  readonly [Kind in K]: { readonly kind: Kind; readonly port: PortsByKind[Kind] };
}[K];

type MembersOf<P, Port> = Port & Pick<P, Extract<keyof P, keyof Port>>;

/**
 * What decorating `P` gives: the same port, with those of its optional members that `P` has. What else an adapter has (`ready`,
 * `calls`) stays with the adapter.
 */
export type Decorated<P> = P extends ILlmPort
  ? MembersOf<P, ILlmPort>
  : P extends IToolPort
    ? MembersOf<P, IToolPort>
    : P extends IContextPort
      ? MembersOf<P, IContextPort>
      : P extends IActorStatePort
        ? MembersOf<P, IActorStatePort>
        : P extends IMessageBus
          ? MembersOf<P, IMessageBus>
          : P extends IScheduler
            ? MembersOf<P, IScheduler>
            : never;

/** What each port must have, and by which it is recognised. */
const REQUIRED: Readonly<Record<PortKind, readonly string[]>> = {
  llm: ['complete'],
  tools: ['register', 'invoke'],
  context: ['compile'],
  state: ['spawn', 'list', 'get', 'update'],
  bus: ['send', 'subscribe'],
  scheduler: ['every', 'once'],
};

const hasAll = (value: unknown, members: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  members.every((member) => typeof (value as Record<string, unknown>)[member] === 'function');

/** Which port a value is. Throws `option-invalid` where it is none of `kinds`, or several at once. */
export const findPort = <K extends PortKind>(
  decorator: string,
  port: unknown,
  kinds: readonly K[],
): FoundPort<K> => {
  const all = Object.keys(REQUIRED) as PortKind[];
  const found = all.filter((kind) => hasAll(port, REQUIRED[kind]));
  const [kind] = found;
  if (found.length === 1 && (kinds as readonly PortKind[]).includes(kind as PortKind)) {
    return { kind, port } as FoundPort<K>;
  }
  const is = found.length === 0 ? 'no port' : `a port of the kind ${found.join(' and ')}`;
  throw new PantheonError(
    'option-invalid',
    `${decorator} takes one port of the kind ${kinds.join(', ')}; this value is ${is}.`,
    { details: { path: 'port', found } },
  );
};
