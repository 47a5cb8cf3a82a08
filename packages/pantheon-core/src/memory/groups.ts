import type { MessageHandler } from '../core/ports.ts';
import type { BusMessage } from '../core/types.ts';
import { Deque } from '../core/deque.ts';

/** One call of `subscribe` with a group. */
export interface Member {
  readonly handler: MessageHandler;
  readonly to: string | undefined;
}

/** A group's messages to one recipient: handled one at a time, in order. */
export class Lane {
  readonly group: Group;
  readonly recipient: string;
  readonly waiting: Deque<BusMessage> = new Deque();
  /** Deliveries of the first message that failed. */
  attempts = 0;
  /**
   * - `queued`: its turn comes with the bus's queue; `handling`: a handler's promise is open.
   * - `pausing`: until `timer` runs; `stranded`: no member takes messages to this recipient at present.
   */
  state: 'idle' | 'queued' | 'handling' | 'pausing' | 'stranded' = 'idle';
  timer: unknown = undefined;

  constructor(group: Group, recipient: string) {
    this.group = group;
    this.recipient = recipient;
  }
}

/** Subscriptions that share messages. */
export class Group {
  readonly name: string;
  readonly lanes: Map<string, Lane> = new Map();
  readonly #open: Member[] = [];
  readonly #addressed = new Map<string, Member[]>();
  #turn = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether some member takes messages to everybody. */
  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  get hasMembers(): boolean {
    return this.#open.length > 0 || this.#addressed.size > 0;
  }

  /** Whether some member takes messages to this recipient. */
  takes(recipient: string): boolean {
    return this.isOpen || (recipient === '*' ? this.hasMembers : this.isAddressed(recipient));
  }

  /** Whether some member takes messages to exactly this recipient. */
  isAddressed(recipient: string): boolean {
    return this.#addressed.has(recipient);
  }

  add(member: Member): void {
    if (member.to === undefined) {
      this.#open.push(member);
      return;
    }
    const members = this.#addressed.get(member.to);
    if (members === undefined) this.#addressed.set(member.to, [member]);
    else members.push(member);
  }

  remove(member: Member): void {
    const members = member.to === undefined ? this.#open : this.#addressed.get(member.to);
    if (members === undefined) return;
    const index = members.indexOf(member);
    if (index !== -1) members.splice(index, 1);
    if (members.length === 0 && member.to !== undefined) this.#addressed.delete(member.to);
  }

  /** The member whose turn it is for a message to this recipient. */
  pick(recipient: string): Member | undefined {
    const addressed =
      recipient === '*'
        ? Array.from(this.#addressed.values()).flat()
        : (this.#addressed.get(recipient) ?? []);
    const count = this.#open.length + addressed.length;
    if (count === 0) return undefined;
    const index = this.#turn % count;
    this.#turn += 1;
    return index < this.#open.length ? this.#open[index] : addressed[index - this.#open.length];
  }

  /** The lane of a recipient, made when there is none. */
  lane(recipient: string): Lane {
    let lane = this.lanes.get(recipient);
    if (lane === undefined) {
      lane = new Lane(this, recipient);
      this.lanes.set(recipient, lane);
    }
    return lane;
  }
}

/** All groups, found by what they take: a message costs nothing for the groups of other recipients. */
export class Groups {
  readonly #all = new Map<string, Group>();
  readonly #open = new Set<Group>();
  readonly #byRecipient = new Map<string, Set<Group>>();

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  get(name: string): Group | undefined {
    return this.#all.get(name);
  }

  join(name: string, member: Member): Group {
    let group = this.#all.get(name);
    if (group === undefined) {
      group = new Group(name);
      this.#all.set(name, group);
    }
    group.add(member);
    if (member.to === undefined) this.#open.add(group);
    else {
      const takers = this.#byRecipient.get(member.to);
      if (takers === undefined) this.#byRecipient.set(member.to, new Set([group]));
      else takers.add(group);
    }
    return group;
  }

  leave(group: Group, member: Member): void {
    group.remove(member);
    const { to } = member;
    if (to === undefined) {
      if (!group.isOpen) this.#open.delete(group);
    } else if (!group.isAddressed(to)) {
      const takers = this.#byRecipient.get(to);
      takers?.delete(group);
      if (takers?.size === 0) this.#byRecipient.delete(to);
    }
    this.forgetIfEmpty(group);
  }

  /** Drops a group that has neither members nor messages. */
  forgetIfEmpty(group: Group): void {
    if (group.hasMembers || group.lanes.size > 0) return;
    if (this.#all.get(group.name) === group) this.#all.delete(group.name);
  }

  /** The groups that take a message to this recipient, each once. */
  takersOf(recipient: string): readonly Group[] {
    if (recipient === '*')
      return Array.from(this.#all.values()).filter((group) => group.hasMembers);
    const addressed = this.#byRecipient.get(recipient);
    if (addressed === undefined) return Array.from(this.#open);
    return Array.from(new Set([...this.#open, ...addressed]));
  }

  /** All lanes with messages. */
  lanes(): readonly Lane[] {
    return Array.from(this.#all.values()).flatMap(({ lanes }) => Array.from(lanes.values()));
  }

  clear(): void {
    this.#all.clear();
    this.#open.clear();
    this.#byRecipient.clear();
  }
}
