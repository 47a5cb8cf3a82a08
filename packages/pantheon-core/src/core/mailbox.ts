/** Per-actor mailboxes: ticks of one actor never overlap and run in the order in which they were asked for. */
import type { Actions } from './actions.ts';
import { Deque } from './deque.ts';
import { onAbort } from './drive.ts';
import { PantheonError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { TickRequest } from './opening.ts';
import type { Supervisor } from './supervision.ts';
import { Tick } from './tick.ts';
import type { TickReport } from './types.ts';

interface Waiting {
  request: TickRequest;
  readonly since: number;
  readonly promise: Promise<TickReport>;
  readonly resolve: (report: TickReport | Promise<TickReport>) => void;
  readonly reject: (error: PantheonError) => void;
  readonly unlink: (() => void) | undefined;
}

/** Exists while its actor runs or something waits for it, and a little longer: many an actor is asked again at once. */
interface Mailbox {
  readonly id: string;
  running: Tick | undefined;
  readonly waiting: Deque<Waiting>;
  /** Whether it is in the list of those that were found idle. */
  isListed: boolean;
}

/** How long a stop waits for ticks that it has aborted, and that are storing how they ended. */
const LAST_WRITES_MS = 500;

/** Idle mailboxes that are kept. A map whose only entry comes and goes with every tick costs more than the rest of the tick's mailbox. */
const IDLE_MAILBOXES = 1_024;

const DEFAULT_CAPACITY = 1_000;

/** Neither a tick that goes on nor a fork: those are what they are, and nothing else. */
const isOwnInput = ({ resumed, origin }: TickRequest): boolean =>
  resumed === undefined && origin === undefined;

const isInput = ({ request }: Waiting): boolean => request.resumed === undefined;

const refusal = (code: ErrorCode, message: string, retryable = false): PantheonError =>
  new PantheonError(code, message, { retryable });

const stoppedError = (): PantheonError =>
  refusal('orchestrator-stopped', 'the orchestrator has been stopped; it takes no more work');

export class Mailboxes {
  readonly #kernel: Kernel;
  readonly #actions: Actions;
  readonly #supervisor: Supervisor;
  readonly #boxes = new Map<string, Mailbox>();
  /** Mailboxes whose actor could run, if there were room: first come, first served. */
  readonly #ready: Deque<Mailbox> = new Deque();
  /** Mailboxes that were found idle; some may be busy again. */
  readonly #idle: Mailbox[] = [];
  #running = 0;
  #isDraining = false;
  #stopped = false;
  #whenIdle: (() => void) | undefined;

  constructor(kernel: Kernel, actions: Actions, supervisor: Supervisor) {
    this.#kernel = kernel;
    this.#actions = actions;
    this.#supervisor = supervisor;
  }

  get running(): number {
    return this.#running;
  }

  get runningActors(): readonly string[] {
    return [...this.#boxes.values()]
      .filter(({ running }) => running !== undefined)
      .map(({ id }) => id);
  }

  get waiting(): number {
    let sum = 0;
    for (const { waiting } of this.#boxes.values()) sum += waiting.length;
    return sum;
  }

  /** How many inputs wait for one actor. */
  waitingFor(actorId: string): number {
    return this.#boxes.get(actorId)?.waiting.length ?? 0;
  }

  /** Whether this very tick runs, or waits to go on. */
  hasTick(actorId: string, tickId: string): boolean {
    const { running, waiting } = this.#boxes.get(actorId) ?? {};
    const isIt = ({ request }: Waiting): boolean => request.resumed?.tickId === tickId;
    return running?.tickId === tickId || waiting?.find(isIt) !== undefined;
  }

  /** Ticks the actor now, or when its turn comes. */
  submit(request: TickRequest): Promise<TickReport> {
    const { id } = request.actor;
    if (this.#stopped) return Promise.reject(stoppedError());
    for (let tick = request.caller; tick !== undefined; tick = tick.caller) {
      if (tick.actorId !== id) continue;
      return Promise.reject(
        refusal(
          'tick-reentrant',
          `a tick of ${id} asked for a tick of ${id} and would wait for itself; plan again, or send a message instead`,
        ),
      );
    }
    let box = this.#boxes.get(id);
    if (box === undefined) {
      box = { id, running: undefined, waiting: new Deque(), isListed: false };
      this.#boxes.set(id, box);
    }
    if (box.running === undefined && box.waiting.length === 0) {
      if (this.#running < this.#kernel.settings.maxConcurrentTicks) return this.#run(box, request);
      this.#ready.push(box);
    }
    return this.#enqueue(box, request);
  }

  /** Takes no more work; answers what waits; lets running ticks end, and aborts them at the deadline. */
  async stop(timeoutMs: number): Promise<number> {
    this.#stopped = true;
    for (const { waiting } of this.#boxes.values()) {
      for (const item of waiting.drain()) this.#refuse(item, stoppedError());
    }
    this.#ready.drain();
    let aborted = 0;
    if (this.#running > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      const { schedule } = this.#kernel.deps;
      let cancel = schedule.once(timeoutMs, () => {
        for (const { running } of this.#boxes.values()) {
          if (running === undefined) continue;
          aborted += 1;
          running.drive.abandon(stoppedError());
        }
        cancel = schedule.once(LAST_WRITES_MS, () => this.#whenIdle?.());
      });
      await idle;
      cancel?.();
    }
    return aborted;
  }

  #enqueue(box: Mailbox, request: TickRequest): Promise<TickReport> {
    // A tick that the journal has is neither merged nor refused: it has been taken in before.
    if (request.resumed !== undefined) return this.#append(box, request);
    const { capacity = DEFAULT_CAPACITY, policy = 'queue' } = request.actor.script.mailbox ?? {};
    switch (policy) {
      case 'reject':
        if (box.running !== undefined) {
          return Promise.reject(
            refusal('actor-busy', `${box.id} is ticking and takes no other input`, true),
          );
        }
        break;
      case 'coalesce': {
        const mergeable = box.waiting.find((item) => isOwnInput(item.request));
        if (mergeable !== undefined && isOwnInput(request)) return this.#merge(mergeable, request);
        break;
      }
      case 'interrupt': {
        while (this.#dropOldest(box, `newer input for ${box.id} took its place`));
        // First in, then out: an aborted tick ends at once, and goes on with what it finds waiting.
        const waiting = this.#append(box, request);
        box.running?.drive.abandon(
          refusal('tick-cancelled', `newer input for ${box.id} interrupted the tick`),
        );
        return waiting;
      }
      case 'drop-oldest':
        if (box.waiting.length >= capacity)
          this.#dropOldest(box, `the mailbox of ${box.id} was full (${capacity})`);
        break;
      default:
        break;
    }
    if (box.waiting.length >= capacity) {
      return Promise.reject(
        refusal(
          'mailbox-full',
          `the mailbox of ${box.id} is full (${capacity}); try again later`,
          true,
        ),
      );
    }
    return this.#append(box, request);
  }

  #append(box: Mailbox, request: TickRequest): Promise<TickReport> {
    const { promise, resolve, reject } = deferred<TickReport>();
    const signal = request.input?.signal;
    const item: Waiting = {
      request,
      since: this.#kernel.deps.now(),
      promise,
      resolve,
      reject,
      unlink:
        signal &&
        onAbort(signal, () => {
          if (box.waiting.remove(item)) resolve(this.#cancelled(request));
        }),
    };
    if (signal?.aborted !== true) box.waiting.push(item);
    else resolve(this.#cancelled(request));
    return promise;
  }

  #merge(item: Waiting, request: TickRequest): Promise<TickReport> {
    const [first, second] = [item.request.input, request.input];
    const texts = [first?.userMessage, second?.userMessage].filter((text) => !!text);
    item.request = {
      ...request,
      input: { ...first, ...second, userMessage: texts.length > 0 ? texts.join('\n') : undefined },
    };
    return item.promise;
  }

  /** Answers the input that has waited longest; returns whether there was any. */
  #dropOldest(box: Mailbox, why: string): boolean {
    const oldest = box.waiting.find(isInput);
    if (oldest === undefined) return false;
    box.waiting.remove(oldest);
    this.#refuse(oldest, refusal('mailbox-dropped', why));
    return true;
  }

  #refuse(item: Waiting, error: PantheonError): void {
    item.unlink?.();
    item.reject(error);
  }

  /** The report of a tick whose caller gave up before it began. Its signal has aborted, so it runs nothing. */
  #cancelled(request: TickRequest): Promise<TickReport> {
    return new Tick(this.#kernel, this.#actions, this.#supervisor, request, () => {}).start();
  }

  #run(box: Mailbox, request: TickRequest): Promise<TickReport> {
    const tick = new Tick(this.#kernel, this.#actions, this.#supervisor, request, () => {
      box.running = undefined;
      this.#running -= 1;
      this.#next(box);
    });
    box.running = tick;
    this.#running += 1;
    return tick.start();
  }

  /** Goes on with what waits for this actor, or with whoever waits for room. */
  #next(box: Mailbox): void {
    if (box.waiting.length > 0) this.#ready.push(box);
    else if (!box.isListed) this.#rest(box);
    // A tick without any waiting ends before it has been started; the outermost call does the work, not a pile of them.
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.#ready.length > 0 && this.#running < this.#kernel.settings.maxConcurrentTicks) {
      const ready = this.#ready.shift() as Mailbox;
      // It can stand here twice, when what it waited with was withdrawn; the end of its tick puts it here again.
      if (ready.running !== undefined) continue;
      const item = this.#take(ready);
      // What was read before it waited may be old by now.
      if (item !== undefined) item.resolve(this.#run(ready, { ...item.request, fresh: false }));
      else if (!ready.isListed) this.#rest(ready);
    }
    this.#isDraining = false;
    if (this.#running === 0) this.#whenIdle?.();
  }

  /** Keeps an idle mailbox, and forgets all that are idle when they have become many. */
  #rest(box: Mailbox): void {
    box.isListed = true;
    if (this.#idle.push(box) <= IDLE_MAILBOXES) return;
    for (const listed of this.#idle) {
      listed.isListed = false;
      if (listed.running === undefined && listed.waiting.length === 0)
        this.#boxes.delete(listed.id);
    }
    this.#idle.length = 0;
  }

  /** The next one that has not waited too long; those that have are answered. */
  #take(box: Mailbox): Waiting | undefined {
    for (let item = box.waiting.shift(); item !== undefined; item = box.waiting.shift()) {
      const { actor, resumed } = item.request;
      const ttlMs = (resumed === undefined && actor.script.mailbox?.ttlMs) || Infinity;
      const waitedMs = this.#kernel.deps.now() - item.since;
      if (waitedMs <= ttlMs) {
        item.unlink?.();
        return item;
      }
      this.#refuse(
        item,
        refusal(
          'message-expired',
          `input for ${box.id} waited ${waitedMs} ms; script.mailbox.ttlMs is ${ttlMs}`,
        ),
      );
    }
    return undefined;
  }
}

const deferred = <T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | Promise<T>) => void;
  readonly reject: (error: unknown) => void;
} => {
  let resolve: (value: T | Promise<T>) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};
