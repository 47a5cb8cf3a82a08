/**
 * What was spent of every budget: kept in the record of the actor whose script sets it, so that it holds over processes and
 * restarts. It is reserved before a call and corrected after it; a process that dies in between leaves the reservation counted.
 */
import { PantheonError, errorInfo, errorMessage } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { PantheonEvent } from './events.ts';
import type { Account, Resource } from './limits.ts';
import type { IActorStatePort, Log, Now } from './ports.ts';
import type { Budget, JsonValue } from './types.ts';

/** The key in an actor's metadata under which the orchestrator keeps what was spent of the actor's budget. */
const SPENT = 'pantheon:spent';

const RESOURCES: readonly Resource[] = ['ticks', 'tokens', 'toolCalls', 'spawns', 'cost'];

/** Other writers of one record that a change gives way to before it gives up. */
const MAX_CONFLICTS = 100;

/** How much of which resources. */
export type Amounts = Readonly<Partial<Record<Resource, number>>>;
type Spent = Partial<Record<Resource, number>>;

/** What a budget allows, and what was spent of it. */
export interface BudgetReport {
  readonly limits: Budget;
  /** Of the limited resources only, reservations under way included. */
  readonly spent: Budget;
}

/** Looks at budgets and renews them. */
export interface Budgets {
  /** Undefined where the actor's script sets no budget, or nobody knows the actor. */
  readonly get: (actorId: string) => Promise<BudgetReport | undefined>;
  /**
   * Sets what was spent to nothing, of all resources or of those that are named. An actor that the budget has paused stays paused: set
   * its state to `idle`. Rejects with `actor-unknown`, and with `option-invalid` for a resource that there is not.
   */
  readonly reset: (actorId: string, resources?: readonly (keyof Budget)[]) => Promise<void>;
}

/** Why nothing was taken. */
export interface Refusal {
  readonly account: Account;
  readonly resource: Resource;
  readonly limit: number;
}

/** One change of what was spent; it may be made anew when another writer was first. Returns whether it changes anything. */
type Change = (spent: Spent, current: Budget | undefined) => boolean;

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const readSpent = (kept: JsonValue | Spent | undefined): Spent => {
  const spent: Spent = {};
  for (const resource of RESOURCES) {
    const value = (kept as Spent | undefined)?.[resource];
    if (typeof value === 'number') spent[resource] = value;
  }
  return spent;
};

const namedOf = (amounts: Amounts): readonly Resource[] =>
  RESOURCES.filter((resource) => amounts[resource] !== undefined);

/** What the ledger needs of the orchestrator. */
interface LedgerParts {
  readonly state: IActorStatePort;
  readonly now: Now;
  readonly log: Log;
  readonly emit: (event: PantheonEvent) => void;
}

export class Ledger {
  readonly #parts: LedgerParts;
  /** Changes that wait for the update under way; one entry per account that is being written. */
  readonly #queues = new Map<string, Waiting[]>();
  /** What was spent by actors that the state port does not know. */
  readonly #local = new Map<string, { readonly limits: Budget; readonly spent: Spent }>();

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /** Whether one of these resources is limited. Asked before anything is waited for. */
  limits(accounts: readonly Account[], ...resources: readonly Resource[]): boolean {
    return accounts.some(({ budget }) => resources.some((one) => budget[one] !== undefined));
  }

  /** What is left of a resource; `Infinity` where no account limits it. */
  async left(accounts: readonly Account[], resource: Resource): Promise<number> {
    let least = Infinity;
    for (const account of this.#limiting(accounts, [resource])) {
      let left = Infinity;
      await this.#change(account, (spent, current) => {
        const limit = current?.[resource] ?? account.budget[resource] ?? Infinity;
        left = limit - (spent[resource] ?? 0);
        return false;
      });
      least = Math.min(least, left);
    }
    return least;
  }

  /**
   * Takes the amounts from all accounts, or from none.
   *
   * @throws `budget-exhausted`; nothing that was to be paid for may then happen. And what the state port rejects with.
   */
  async reserve(accounts: readonly Account[], amounts: Amounts): Promise<void> {
    const refusal = await this.take(accounts, amounts);
    if (refusal !== undefined) throw this.refused(refusal);
  }

  /** Takes the amounts from all accounts, or from none and tells why; says nothing to anybody else. */
  async take(accounts: readonly Account[], amounts: Amounts): Promise<Refusal | undefined> {
    const taken: Account[] = [];
    const giveBack = (): Promise<void> => this.giveBack(taken, amounts);
    // The actor's own account first: what has to be given back was withheld from the fewest.
    for (const account of this.#limiting(accounts, namedOf(amounts)).reverse()) {
      let refusal: Refusal | undefined;
      try {
        refusal = await this.#takeFrom(account, amounts);
      } catch (error) {
        await giveBack();
        throw notReserved(account, error);
      }
      if (refusal !== undefined) {
        await giveBack();
        return refusal;
      }
      taken.push(account);
    }
    return undefined;
  }

  /** Tells that a limit was reached, and makes the error. */
  refused({ account: { id }, resource, limit }: Refusal): PantheonError {
    this.#parts.emit({
      type: 'budget-exhausted',
      at: this.#parts.now(),
      actorId: id,
      accountId: id,
      resource,
      limit,
    });
    return new PantheonError(
      'budget-exhausted',
      `the budget of ${id} has no ${resource} left (limit ${limit}); raise script.budget.${resource}, or reset it (orchestrator.budgets)`,
      { details: { accountId: id, resource, limit } },
    );
  }

  /** Undoes a reservation for something that did not happen. */
  giveBack(accounts: readonly Account[], amounts: Amounts): Promise<void> {
    const negative: Partial<Record<Resource, number>> = {};
    for (const resource of namedOf(amounts)) negative[resource] = -(amounts[resource] as number);
    return this.adjust(accounts, negative);
  }

  /** Corrects a reservation when the real amount is known; also downwards. Never rejects: at worst the reservation stays counted. */
  async adjust(accounts: readonly Account[], by: Amounts): Promise<void> {
    const named = namedOf(by).filter((one) => Number.isFinite(by[one]) && by[one] !== 0);
    const correct = async (account: Account): Promise<void> => {
      try {
        await this.#change(account, (spent, current) => {
          const counted = named.filter((one) => isLimited(account, current, one));
          // Below nothing: what was reserved has been forgiven by a reset.
          for (const one of counted)
            spent[one] = Math.max(0, (spent[one] ?? 0) + (by[one] as number));
          return counted.length > 0;
        });
      } catch (error) {
        this.#parts.log(`What ${account.id} has spent could not be corrected`, {
          actorId: account.id,
          error: errorInfo(error).message,
        });
      }
    };
    await Promise.all(this.#limiting(accounts, named).map(correct));
  }

  async report(actorId: string): Promise<BudgetReport | undefined> {
    const record = await this.#parts.state.get(actorId);
    if (record === undefined) {
      const { limits, spent } = this.#local.get(actorId) ?? {};
      return limits === undefined ? undefined : { limits, spent: { ...spent } };
    }
    const limits = record.script.budget;
    return limits === undefined
      ? undefined
      : { limits, spent: readSpent(record.metadata?.[SPENT]) };
  }

  async reset(actorId: string, resources: readonly Resource[] = RESOURCES): Promise<void> {
    for (const resource of resources) {
      if (RESOURCES.includes(resource)) continue;
      throw new PantheonError(
        'option-invalid',
        `there is no resource ${JSON.stringify(resource)}; a budget has ${RESOURCES.join(', ')}`,
      );
    }
    if (!this.#local.has(actorId) && (await this.#parts.state.get(actorId)) === undefined)
      throw new PantheonError('actor-unknown', `there is no actor ${actorId}`);
    await this.#change({ id: actorId, budget: {} }, (spent) => {
      for (const resource of resources) delete spent[resource];
      return true;
    });
  }

  #limiting(accounts: readonly Account[], resources: readonly Resource[]): Account[] {
    return accounts.filter((account) => this.limits([account], ...resources));
  }

  async #takeFrom(account: Account, amounts: Amounts): Promise<Refusal | undefined> {
    let refusal: Refusal | undefined;
    await this.#change(account, (spent, current) => {
      refusal = undefined;
      const named = namedOf(amounts).filter((one) => isLimited(account, current, one));
      for (const resource of named) {
        const limit = limitOf(account, current, resource) as number;
        if (limit - (spent[resource] ?? 0) >= (amounts[resource] as number)) continue;
        refusal = { account, resource, limit };
        return false;
      }
      for (const resource of named)
        spent[resource] = (spent[resource] ?? 0) + (amounts[resource] as number);
      return named.length > 0;
    });
    return refusal;
  }

  /** Makes a change; those that are asked for while an update is under way share the next one. */
  #change({ id, budget }: Account, change: Change): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiting = { change, resolve, reject };
      const queue = this.#queues.get(id);
      if (queue !== undefined) {
        queue.push(waiting);
        return;
      }
      const fresh = [waiting];
      this.#queues.set(id, fresh);
      void this.#drain(id, budget, fresh);
    });
  }

  async #drain(id: string, limits: Budget, queue: Waiting[]): Promise<void> {
    // What is asked for in this very turn shares the first update.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = queue.splice(0);
      try {
        await this.#commit(id, limits, batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#queues.delete(id);
  }

  async #commit(id: string, limits: Budget, batch: readonly Waiting[]): Promise<void> {
    const { state } = this.#parts;
    for (let conflicts = 0; ; conflicts += 1) {
      const record = await state.get(id);
      const local = this.#local.get(id);
      const spent = readSpent(record === undefined ? local?.spent : record.metadata?.[SPENT]);
      let isChanged = false;
      for (const { change } of batch)
        isChanged = change(spent, record?.script.budget ?? local?.limits) || isChanged;
      if (!isChanged) return;
      if (record === undefined) {
        this.#local.set(id, { limits: local?.limits ?? limits, spent });
        return;
      }
      try {
        const { version: expectedVersion } = record;
        await state.update(id, { metadata: { [SPENT]: spent } }, { expectedVersion });
        return;
      } catch (error) {
        const isOvertaken =
          PantheonError.is(error, 'state-conflict') || PantheonError.is(error, 'actor-unknown');
        if (!isOvertaken || conflicts >= MAX_CONFLICTS) throw error;
      }
    }
  }
}

/** Nobody knows whether it was reserved, but the call that was to be paid for was surely not made: it can be asked for again. */
const notReserved = ({ id }: Account, error: unknown): unknown =>
  PantheonError.is(error, 'outcome-unknown')
    ? new PantheonError(
        'unavailable',
        `the budget of ${id} could not be asked, so nothing was done: ${errorMessage(error)}`,
        { retryable: true, cause: error },
      )
    : error;

/** Codes that say that the call has not happened, and so has cost nothing. */
const UNDONE: readonly ErrorCode[] = [
  'action-invalid',
  'actor-invalid',
  'capability-missing',
  'closed',
  'llm-unauthorized',
  'option-invalid',
  'script-unknown',
  'unavailable',
];

/** Whether a model was not asked, or an actor not made, by the word of the port's error. */
export const isSurelyUndone = (error: unknown): boolean =>
  PantheonError.is(error) && UNDONE.includes(error.code);

/** The limit as the account's record has it now; a child's record may have an older one. */
const limitOf = (
  account: Account,
  current: Budget | undefined,
  resource: Resource,
): number | undefined => current?.[resource] ?? account.budget[resource];

const isLimited = (account: Account, current: Budget | undefined, resource: Resource): boolean =>
  limitOf(account, current, resource) !== undefined;
