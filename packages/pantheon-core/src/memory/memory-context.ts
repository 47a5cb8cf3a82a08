import { PantheonError } from '../core/errors.ts';
import type { ContextExplanation, ContextRequest, IContextPort } from '../core/ports.ts';
import type { ContextSource, Message, Provenance, Trust } from '../core/types.ts';
import { frozenCopy } from './frozen-copy.ts';
import { nameProblem } from '../core/text.ts';

/** Settings of `makeMemoryContext`. */
export interface MemoryContextOptions {
  /** The entries of each source, by the source's id, oldest first. A string becomes a message with the role `user`. Default: none. */
  readonly documents?: Readonly<Record<string, readonly (Message | string)[]>> | undefined;
  /** The id of the source that gives what was recorded. Default `conversation`. */
  readonly conversation?: string | undefined;
  /** For a request without `recentLimit`. Default 20. */
  readonly recentLimit?: number | undefined;
  /** For a request without `queryLimit`. Default 10. */
  readonly queryLimit?: number | undefined;
}

/** Context from this process's memory. */
export interface MemoryContext extends IContextPort {
  readonly record: (actorId: string, entries: readonly Message[]) => Promise<void>;
  readonly explain: (request: ContextRequest) => Promise<readonly ContextExplanation[]>;
  readonly close: () => Promise<void>;
}

/** One message that can be compiled, and what is known about it. */
interface Entry {
  readonly uri: string;
  readonly message: Message;
  readonly tokens: number;
  readonly terms: ReadonlySet<string>;
}

/** An entry in one compilation. */
interface Candidate {
  readonly entry: Entry;
  /** The place of its source in the request, then its place in the source. */
  readonly source: number;
  readonly position: number;
  readonly score: number;
  readonly matched: readonly string[];
  /** How many entries of its source are newer. */
  readonly age: number;
  readonly cut: string | undefined;
}

/**
 * Compiles from documents and conversations in memory: of each source its most recent entries and those that share words with the
 * request's texts, rare words counting more. Where a limit cuts, the best go first. Tokens are estimated as characters / 4.
 *
 * The conversation has the entries of the request's `actorId`, of `where: { actorId }` where the source names one, and of all actors without either. Recorded entries
 * with the role `system` are compiled as `user`, for they are data.
 */
export const makeMemoryContext = (options: MemoryContextOptions = {}): MemoryContext => {
  const { documents = {}, conversation = 'conversation' } = options;
  const defaults = { recentLimit: options.recentLimit ?? 20, queryLimit: options.queryLimit ?? 10 };
  requireLimits(defaults);
  if (Object.hasOwn(documents, conversation)) {
    throw new PantheonError(
      'option-invalid',
      `documents must not have the id of the conversation, "${conversation}".`,
    );
  }

  const recorded: Entry[] = [];
  const recordedBy = new Map<string, Entry[]>();
  const sources = new Map<string, readonly Entry[]>([[conversation, recorded]]);
  for (const [id, entries] of Object.entries(documents)) {
    sources.set(
      id,
      entries.map((entry, index) => makeEntry(id, index, entry)),
    );
  }
  let closed = false;
  const requireOpen = (): void => {
    if (closed) throw new PantheonError('closed', 'The context port is closed.');
  };

  const entriesOf = (source: ContextSource, askedBy: string | undefined): readonly Entry[] => {
    const entries = sources.get(source.id);
    if (entries === undefined) {
      throw new PantheonError(
        'source-unknown',
        `There is no source "${source.id}"; known are ${Array.from(sources.keys(), (id) => `"${id}"`).join(', ')}.`,
        { details: { source: source.id } },
      );
    }
    const actorId = source.where?.['actorId'] ?? askedBy;
    if (source.id !== conversation || actorId === undefined) return entries;
    return recordedBy.get(actorId as string) ?? [];
  };

  /** All entries of the request's sources, and for each what keeps it out, if anything does. */
  const decide = (request: ContextRequest): readonly Candidate[] => {
    requireOpen();
    requireLimits(request);
    const asked = termsOf((request.texts ?? []).join('\n'));
    const all = request.sources.flatMap((source, index) =>
      select(entriesOf(source, request.actorId), index, asked, {
        recentLimit: request.recentLimit ?? defaults.recentLimit,
        queryLimit: request.queryLimit ?? defaults.queryLimit,
      }),
    );
    return fit(all, request.limit ?? Infinity, request.maxTokens ?? Infinity);
  };

  return {
    compile: async (request) =>
      decide(request)
        .filter(({ cut }) => cut === undefined)
        .map(({ entry }) => entry.message),
    explain: async (request) =>
      decide(request).map(({ entry, cut, score, matched, age }) => {
        const why =
          matched.length > 0 ? `matched ${matched.join(', ')}` : `${age} newer in its source`;
        return {
          uri: entry.uri,
          taken: cut === undefined,
          reason: cut === undefined ? why : `${why}; ${cut}`,
          score,
        };
      }),
    record: async (actorId, entries) => {
      requireOpen();
      const problem = nameProblem(actorId);
      if (problem !== undefined) throw new PantheonError('option-invalid', `actorId ${problem}.`);
      // All or none: an entry that is refused throws before the first is kept.
      const made = entries.map((message, index) =>
        makeEntry(conversation, recorded.length + index, message, actorId),
      );
      const own = recordedBy.get(actorId) ?? [];
      recordedBy.set(actorId, own);
      for (const entry of made) {
        recorded.push(entry);
        own.push(entry);
      }
    },
    close: async () => {
      closed = true;
      sources.clear();
      recordedBy.clear();
    },
  };
};

const LIMITS = ['recentLimit', 'queryLimit', 'limit', 'maxTokens'] as const;

const requireLimits = (limits: {
  readonly [name in (typeof LIMITS)[number]]?: number | undefined;
}): void => {
  for (const name of LIMITS) {
    const value = limits[name];
    const least = name === 'maxTokens' ? 1 : 0;
    if (value !== undefined && (!Number.isSafeInteger(value) || value < least)) {
      throw new PantheonError(
        'option-invalid',
        `${name} must be a whole number from ${least}, not ${String(value)}.`,
      );
    }
  }
};

const termsOf = (text: string): ReadonlySet<string> =>
  new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu));

const ROLES: ReadonlySet<unknown> = new Set<Message['role']>([
  'system',
  'user',
  'assistant',
  'tool',
]);

/** An entry of a source; with an actor's id, one that was recorded. */
const makeEntry = (
  source: string,
  position: number,
  given: Message | string,
  actorId?: string,
): Entry => {
  const uri = `memory:${source}/${position}`;
  const message: Message = typeof given === 'string' ? { role: 'user', content: given } : given;
  if (!ROLES.has(message?.role) || typeof message.content !== 'string') {
    throw new PantheonError(
      'option-invalid',
      `The entry ${uri} must be a message with a role and a content.`,
    );
  }
  const isRecorded = actorId !== undefined;
  const role = isRecorded && message.role === 'system' ? 'user' : message.role;
  const trust = trustOf(message, isRecorded);
  const provenance: Provenance = trust === undefined ? { source, uri } : { source, uri, trust };
  return {
    uri,
    message: frozenCopy({ ...message, role, provenance }, 'option-invalid', `The entry ${uri}`),
    tokens: Math.ceil(message.content.length / 4),
    terms: termsOf(message.content),
  };
};

const trustOf = ({ role, provenance }: Message, isRecorded: boolean): Trust | undefined => {
  if (!isRecorded) return role === 'system' ? 'system' : 'document';
  if (provenance?.trust !== undefined && provenance.trust !== 'system') return provenance.trust;
  if (role === 'tool') return 'tool';
  return role === 'assistant' ? undefined : 'user';
};

/** What a source offers: its recent entries and its matches; the rest is marked as cut. */
const select = (
  entries: readonly Entry[],
  source: number,
  asked: ReadonlySet<string>,
  limits: { readonly recentLimit: number; readonly queryLimit: number },
): readonly Candidate[] => {
  const weights = weigh(entries, asked);
  const scored = entries.map((entry, position) => {
    const matched = Array.from(weights.keys()).filter((term) => entry.terms.has(term));
    const score = matched.reduce((sum, term) => sum + (weights.get(term) ?? 0), 0);
    return { entry, source, position, score, matched, age: entries.length - 1 - position };
  });
  const matches = new Set(
    scored
      .filter(({ score }) => score > 0)
      .toSorted((a, b) => b.score - a.score || b.position - a.position)
      .slice(0, limits.queryLimit),
  );
  return scored.map((candidate) => {
    const isTaken = candidate.age < limits.recentLimit || matches.has(candidate);
    const limit = candidate.score > 0 ? 'queryLimit' : 'recentLimit';
    return { ...candidate, cut: isTaken ? undefined : `cut by ${limit} ${limits[limit]}` };
  });
};

/** What each term of the request is worth in a source: the rarer, the more. */
const weigh = (
  entries: readonly Entry[],
  asked: ReadonlySet<string>,
): ReadonlyMap<string, number> => {
  const weights = new Map<string, number>();
  for (const term of asked) {
    const holders = entries.filter(({ terms }) => terms.has(term)).length;
    if (holders > 0) weights.set(term, Math.log(1 + entries.length / holders));
  }
  return weights;
};

/** Cuts to the limits of the whole request, the best first, in the order of reading. */
const fit = (
  candidates: readonly Candidate[],
  limit: number,
  maxTokens: number,
): readonly Candidate[] => {
  if (limit === Infinity && maxTokens === Infinity) return candidates;
  const worth = ({ score, age }: Candidate): number => score + 1 / (age + 1);
  const best = candidates
    .filter(({ cut }) => cut === undefined)
    .toSorted((a, b) => worth(b) - worth(a) || a.source - b.source || b.position - a.position);
  const cuts = new Map<Candidate, string>();
  let messages = 0;
  let tokens = 0;
  for (const candidate of best) {
    if (messages + 1 > limit) cuts.set(candidate, `cut by limit ${limit}`);
    else if (tokens + candidate.entry.tokens > maxTokens)
      cuts.set(candidate, `cut by maxTokens ${maxTokens}`);
    else {
      messages += 1;
      tokens += candidate.entry.tokens;
    }
  }
  return candidates.map((candidate) => ({
    ...candidate,
    cut: candidate.cut ?? cuts.get(candidate),
  }));
};
