/** The subscriptions of this process with a group, and which filters the server must know for them. */
import type { MessageHandler } from '@promethean/pantheon-core';
import { encodeId } from '@promethean/pantheon-core/adapter';
import { ANY, BROADCAST } from './keys.ts';
import type { Registration } from './outbox.ts';

interface Member {
  readonly handler: MessageHandler;
  readonly filter: string;
}

interface Group {
  readonly members: Member[];
  readonly filters: Map<string, number>;
}

/** Counts subscriptions by filter, and tells when the first comes and the last goes. */
export interface GroupMembers {
  readonly join: (group: string, to: string | undefined, handler: MessageHandler) => Member;
  readonly leave: (group: string, member: Member) => void;
  /** The handler whose turn it is, among those that take this recipient. Both encoded. */
  readonly pick: (group: string, recipient: string) => MessageHandler | undefined;
  /** Encoded. */
  readonly groups: () => readonly string[];
}

export const makeGroupMembers = (onChange: (registration: Registration) => void): GroupMembers => {
  const groups = new Map<string, Group>();
  let turn = 0;

  const count = (name: string, group: Group, filter: string, step: 1 | -1): void => {
    const before = group.filters.get(filter) ?? 0;
    const after = before + step;
    if (after === 0) group.filters.delete(filter);
    else group.filters.set(filter, after);
    if (before === 0 || after === 0)
      onChange({ change: step === 1 ? '+' : '-', group: name, filter });
  };

  return {
    join: (name, to, handler) => {
      const encoded = encodeId(name);
      let group = groups.get(encoded);
      if (group === undefined) {
        group = { members: [], filters: new Map() };
        groups.set(encoded, group);
      }
      const member = { handler, filter: to === undefined ? ANY : encodeId(to) };
      group.members.push(member);
      // Every member takes broadcasts; counted once for each.
      count(encoded, group, member.filter, 1);
      count(encoded, group, BROADCAST, 1);
      return member;
    },
    leave: (name, member) => {
      const encoded = encodeId(name);
      const group = groups.get(encoded);
      const index = group?.members.indexOf(member) ?? -1;
      if (group === undefined || index === -1) return;
      group.members.splice(index, 1);
      count(encoded, group, member.filter, -1);
      count(encoded, group, BROADCAST, -1);
      if (group.members.length === 0) groups.delete(encoded);
    },
    pick: (name, recipient) => {
      const members = groups.get(name)?.members ?? [];
      turn += 1;
      for (let index = 0; index < members.length; index += 1) {
        const { filter, handler } = members[(turn + index) % members.length] as Member;
        if (filter === ANY || filter === recipient || recipient === BROADCAST) return handler;
      }
      return undefined;
    },
    groups: () => Array.from(groups.keys()),
  };
};
