import type { MessageHandler } from '../core/ports.ts';

/** One call of `subscribe` without a group. */
export class Subscription {
  readonly handler: MessageHandler;
  /** The number of the first message that it gets. */
  readonly since: number;
  active = true;
  previous: Subscription | undefined = undefined;
  next: Subscription | undefined = undefined;

  constructor(handler: MessageHandler, since: number) {
    this.handler = handler;
    this.since = since;
  }
}

/** Subscriptions in their order. Joining and leaving cost the same whatever the length. */
export class SubscriptionList {
  first: Subscription | undefined = undefined;
  last: Subscription | undefined = undefined;

  add(subscription: Subscription): void {
    subscription.previous = this.last;
    if (this.last === undefined) this.first = subscription;
    else this.last.next = subscription;
    this.last = subscription;
  }

  remove(subscription: Subscription): void {
    const { previous, next } = subscription;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    subscription.previous = undefined;
    subscription.next = undefined;
  }
}
