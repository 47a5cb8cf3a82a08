/**
 * Approvals: a call that somebody outside of the model has to grant. What is asked and what is answered are steps of the tick's journal,
 * so they outlive the process, and any process of that journal can answer. No text that an actor reads is ever looked at.
 *
 * A call has three steps: `approval` (what is asked), `decision` (what was answered, written by `Approvals`), and `approved` (the one
 * call that the grant was used for, written when it is about to be made).
 */
import { PantheonError, errorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { IJournalPort, RecordedTick, TickRecord } from './ports.ts';
import { canonicalJson, pack, peek, unpack } from './recorded-json.ts';
import { sha256 } from './sha256.ts';
import type { TickReport, ToolAction } from './types.ts';

/** A call that waits, or waited, for an answer. */
export interface Approval {
  /** `<action id>#<attempt>`. */
  readonly id: string;
  /** SHA-256 of the id, the actor, the tool and its arguments, in hexadecimal: a grant has to name it. */
  readonly digest: string;
  readonly tickId: string;
  readonly actorId: string;
  readonly tool: string;
  /** As the plan gave them: show them to whoever decides. */
  readonly args: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch. */
  readonly requestedAt: number;
  /** From then on the call is denied, granted or not. Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** How somebody decides. */
export interface Denial {
  /** The digest of the call that was looked at; where it is given, no other call is meant. */
  readonly digest?: string | undefined;
  /** Who decides, for the record. */
  readonly by?: string | undefined;
  /** Why, for the record; a denial's reaches the actor, as the error of its action. */
  readonly reason?: string | undefined;
}

/** How somebody grants a call: by naming the digest of the very call that was looked at. */
export interface Grant extends Denial {
  readonly digest: string;
}

/** What came of a decision. */
export interface Decided {
  readonly approval: Approval;
  /**
   * The report of the tick that goes on; undefined while an earlier call of the same tick waits, and where the tick could not go on
   * here (the log says why; `recover` tries again). Never rejects.
   */
  readonly ended: Promise<TickReport | undefined>;
}

/** Answers the calls that wait for an approval. For people and programs outside of the actors: never hand it to a tool. */
export interface Approvals {
  /** The calls that wait, oldest tick first, each tick's in the order of its plan. */
  readonly list: (filter?: { readonly actorId?: string }) => Promise<readonly Approval[]>;
  /**
   * Lets this very call be made, once and before it expires. Any number of calls can be granted in any order; those of one plan are
   * made in its order. Rejects with `approval-unknown` (no such call waits), `approval-expired`, `approval-conflict` (another digest, or
   * decided before), `capability-missing` (no journal that can be read).
   */
  readonly grant: (id: string, grant: Grant) => Promise<Decided>;
  /** Lets the call end as `denied` (`approval-denied`). Rejects like `grant`. */
  readonly deny: (id: string, denial?: Denial) => Promise<Decided>;
}

/** What a call's step `approval` says. */
type Request = Pick<Approval, 'digest' | 'tool' | 'args' | 'requestedAt' | 'expiresAt'>;
/** What its step `decision` says. */
interface Answer extends Denial {
  readonly granted: boolean;
  readonly at: number;
  /** Tells decisions from each other that are alike in all else. */
  readonly nonce: string;
}

/** Ends the tick for now: nothing is recorded of an action that waits. */
export class ApprovalPending extends PantheonError {
  readonly expiresAt: number;

  constructor(id: string, tool: string, expiresAt: number) {
    super('approval-required', `the call of ${tool} waits for an approval (${id})`);
    this.expiresAt = expiresAt;
  }
}

/** The last time that a `Date` can tell: where there is no limit. */
const LAST_TIME = 8_640_000_000_000_000;

const ASKED = /^approval (\d+\/\d+\/\d+ #\d+)$/;
const SUSPENDED = /^suspended (\d+\/\d+\/\d+ #\d+)$/;
const ID = /^(.+)\/(\d+\/\d+\/\d+)#(\d+)$/s;

const digestOf = (
  id: string,
  actorId: string,
  tool: string,
  args: Readonly<Record<string, unknown>>,
): string => sha256(canonicalJson([id, actorId, tool, args]));

/** The calls of one tick that need an approval. */
export class ApprovalGate {
  readonly #kernel: Kernel;
  readonly #record: TickRecord;
  readonly #actorId: string;

  constructor(kernel: Kernel, record: TickRecord, actorId: string) {
    this.#kernel = kernel;
    this.#record = record;
    this.#actorId = actorId;
  }

  /** Asks for an approval of the call, unless it was asked for before. */
  async request(key: string, attempt: number, { name, args }: ToolAction): Promise<Request> {
    const { deps, settings } = this.#kernel;
    const { tickId } = this.#record;
    const id = `${tickId}/${key}#${attempt}`;
    let isNew = false;
    const recorded = await this.#record.step(`approval ${key} #${attempt}`, () => {
      isNew = true;
      const requestedAt = deps.now();
      const expiresAt = Math.min(requestedAt + settings.approvalTtlMs, LAST_TIME);
      const digest = digestOf(id, this.#actorId, name, args);
      return pack({ digest, tool: name, args, requestedAt, expiresAt });
    });
    const request = unpack(recorded) as Request;
    if (isNew) {
      this.#kernel.log(`Approval needed: ${name}`, { actorId: this.#actorId, approvalId: id });
      this.#kernel.emit({
        type: 'approval-requested',
        at: request.requestedAt,
        actorId: this.#actorId,
        tickId,
        approvalId: id,
        tool: name,
        expiresAt: request.expiresAt,
      });
    }
    return request;
  }

  /** Whether the call was asked for; then it needs its answer, also where its tool does not say so any more, or not yet. */
  async wasAsked(key: string, attempt: number): Promise<boolean> {
    return (await peek(this.#record, `approval ${key} #${attempt}`)) !== undefined;
  }

  /** Notes where the tick stands. */
  async suspend(key: string): Promise<void> {
    const attempt = await this.#latest(key);
    await this.#record.step(`suspended ${key} #${attempt}`, () => null);
  }

  /** Asks for the calls that come later in the same plan, so that all of them can be answered at once. */
  async requestLater(key: string, action: ToolAction): Promise<void> {
    await this.request(key, await this.#latest(key), action);
  }

  /** The attempt of an action that has no outcome yet. */
  async #latest(key: string): Promise<number> {
    for (let attempt = 1; ; attempt += 1)
      if ((await peek(this.#record, `action ${key} #${attempt}`)) === undefined) return attempt;
  }

  /**
   * Resolves when the call may be made: it was granted and not used yet, or it was begun under its grant by a process that died.
   *
   * @throws `ApprovalPending`; or `approval-denied`, `approval-expired`, `approval-conflict`, which are the end of the action.
   */
  async pass(key: string, attempt: number, action: ToolAction): Promise<void> {
    const id = `${this.#record.tickId}/${key}#${attempt}`;
    const request = await this.request(key, attempt, action);
    await this.#record.step(`approved ${key} #${attempt}`, async () => {
      const answer = unpack(await peek(this.#record, `decision ${key} #${attempt}`)) as
        | Answer
        | undefined;
      const now = this.#kernel.deps.now();
      const { tool, expiresAt } = request;
      const refuse = (code: 'approval-denied' | 'approval-expired', why: string): never => {
        throw new PantheonError(code, `the call of ${tool} ${why} (${id})`);
      };
      if (answer !== undefined && !answer.granted)
        refuse(
          'approval-denied',
          `was denied${answer.reason === undefined ? '' : `: ${answer.reason}`}`,
        );
      if (now >= expiresAt) refuse('approval-expired', 'was not approved in time');
      if (answer === undefined) throw new ApprovalPending(id, tool, expiresAt);
      const digest = digestOf(id, this.#actorId, action.name, action.args);
      if (answer.digest !== digest || request.digest !== digest)
        throw new PantheonError(
          'approval-conflict',
          `the call of ${action.name} is not the one that was granted (${id}); nothing was called`,
        );
      return { at: now };
    });
  }
}

/** What a tick's journal says of one call. */
interface Asked {
  readonly approval: Approval;
  /** The names of its other steps end with this. */
  readonly key: string;
  readonly isDecided: boolean;
}

const askedOf = ({ tickId, actorId, steps }: RecordedTick): readonly Asked[] => {
  const names = new Set(steps.map(({ name }) => name));
  return steps.flatMap(({ name, value }) => {
    const key = ASKED.exec(name)?.[1];
    if (key === undefined) return [];
    const isDecided = ['decision', 'approved', 'action'].some((step) =>
      names.has(`${step} ${key}`),
    );
    const { digest, tool, args, requestedAt, expiresAt } = unpack(value) as Request;
    const id = `${tickId}/${key.replace(' ', '')}`;
    const approval = { id, digest, tickId, actorId, tool, args, requestedAt, expiresAt };
    return [{ approval, key, isDecided }];
  });
};

/** The call that the tick was suspended for last. */
const suspendedAt = ({ steps }: RecordedTick): string | undefined => {
  const last = steps.findLast(({ name }) => SUSPENDED.test(name))?.name;
  return last === undefined ? undefined : SUSPENDED.exec(last)?.[1];
};

/** The call that the tick was suspended for, while nobody has decided it. */
const waitingOf = (tick: RecordedTick): Asked | undefined => {
  const key = suspendedAt(tick);
  return askedOf(tick).find((asked) => asked.key === key && !asked.isDecided);
};

/**
 * Whether a tick still stands where it was suspended, so that no process can have ended by going on with it; and until when it can only
 * wait: the expiry of the call that it stands at.
 */
export const suspensionOf = (
  tick: RecordedTick | undefined,
): { readonly isStanding: boolean; readonly waitsUntil: number | undefined } => {
  const key = tick && suspendedAt(tick);
  const hasGoneOn = tick?.steps.some(
    ({ name }) => name === `approved ${key}` || name === `action ${key}`,
  );
  return {
    isStanding: key !== undefined && hasGoneOn === false,
    waitsUntil: tick && waitingOf(tick)?.approval.expiresAt,
  };
};

type ReadableJournal = Required<Pick<IJournalPort, 'read'>> & IJournalPort;

const isReadable = (journal: IJournalPort | undefined): journal is ReadableJournal =>
  journal?.read !== undefined;

/** @throws `capability-missing`, which says who needs it: `approvals need`. */
export const requireReadable = (
  journal: IJournalPort | undefined,
  whoNeeds: string,
): ReadableJournal => {
  if (isReadable(journal)) return journal;
  throw new PantheonError(
    'capability-missing',
    `${whoNeeds} a journal that can be read (deps.journal with read)`,
  );
};

const journalOf = ({ deps }: Kernel): ReadableJournal =>
  requireReadable(deps.journal, 'approvals need');

/** `goOn` runs a tick that the journal has, and rejects when it cannot run here. */
export const makeApprovals = (
  kernel: Kernel,
  goOn: (tick: RecordedTick) => Promise<TickReport>,
): Approvals => {
  let decisions = 0;

  const find = async (id: string) => {
    const tickId = ID.exec(id)?.[1];
    const tick = tickId === undefined ? undefined : await journalOf(kernel).read(tickId);
    const asked = tick?.status === undefined ? tick && askedOf(tick) : undefined;
    const found = asked?.find(({ approval }) => approval.id === id);
    if (tick === undefined || found === undefined)
      throw new PantheonError(
        'approval-unknown',
        `no call ${id} waits for an approval; approvals.list() has those that do`,
      );
    return { tick, found };
  };

  const assertOpen = ({ approval, isDecided }: Asked, digest: unknown): void => {
    const { id, actorId, tool, args, expiresAt } = approval;
    if (isDecided)
      throw new PantheonError('approval-conflict', `the call ${id} was decided before`);
    if (digest !== approval.digest || digest !== digestOf(id, actorId, tool, args))
      throw new PantheonError(
        'approval-conflict',
        `the call ${id} has another digest; look at approvals.list() again, and decide about what it shows`,
      );
    if (kernel.deps.now() >= expiresAt)
      throw new PantheonError('approval-expired', `the call ${id} was not approved in time`);
  };

  const decide = async (
    id: string,
    { digest, by, reason }: Denial,
    granted: boolean,
  ): Promise<Decided> => {
    const { tick, found } = await find(id);
    const { approval, key } = found;
    assertOpen(found, granted ? digest : (digest ?? approval.digest));
    const { tickId, actorId, cause, input } = tick;
    const record = await journalOf(kernel).open(
      { tickId, actorId, cause, input },
      { resume: true },
    );
    decisions += 1;
    const answer = pack({
      granted,
      digest: approval.digest,
      by,
      reason,
      at: kernel.deps.now(),
      nonce: `${kernel.identity}-${decisions}`,
    } satisfies Answer);
    const recorded = await record.step(`decision ${key}`, () => answer);
    if (canonicalJson(recorded) !== canonicalJson(answer))
      throw new PantheonError('approval-conflict', `the call ${id} was decided before`);
    kernel.log(`Approval ${granted ? 'granted' : 'denied'}: ${approval.tool}`, {
      actorId,
      approvalId: id,
      by,
    });
    kernel.emit({
      type: 'approval-decided',
      at: kernel.deps.now(),
      actorId,
      tickId,
      approvalId: id,
      tool: approval.tool,
      granted,
      by,
    });
    // Calls are made in the order of their plan: one that comes later waits for the one at which the tick stands.
    // Read again: it may have come to stand there meanwhile.
    const waiting = waitingOf((await journalOf(kernel).read(tickId)) ?? tick);
    const goesOn = waiting === undefined || waiting.approval.id === id;
    return { approval, ended: goesOn ? continued(tick) : Promise.resolve(undefined) };
  };

  const continued = (tick: RecordedTick): Promise<TickReport | undefined> =>
    goOn(tick).catch((error: unknown) => {
      const { actorId, tickId } = tick;
      kernel.log(`Tick ${tickId} could not go on`, { actorId, error: errorInfo(error).message });
      return undefined;
    });

  return {
    async list({ actorId } = {}) {
      const journal = journalOf(kernel);
      const waiting: Approval[] = [];
      for (const tick of await journal.unfinished()) {
        if (actorId !== undefined && tick.actorId !== actorId) continue;
        const recorded = await journal.read(tick.tickId);
        const now = kernel.deps.now();
        for (const { approval, isDecided } of recorded === undefined ? [] : askedOf(recorded))
          if (!isDecided && now < approval.expiresAt) waiting.push(approval);
      }
      return waiting;
    },
    grant: async (id, grant) => decide(id, grant, true),
    deny: async (id, denial = {}) => decide(id, denial, false),
  };
};
