import type { ContextRequest, IContextPort, Message } from '@promethean/pantheon-core';
import { describeBroken, describeProved, insteadOf, type Wrap } from '../test/broken-ports.ts';
import { makeMemoryContextHarness } from './memory-harnesses.ts';
import { contextSuite } from './index.ts';

const compileOf =
  (
    compile: (context: IContextPort, request: ContextRequest) => Promise<readonly Message[]>,
  ): Wrap<IContextPort> =>
  (context) => ({ ...context, compile: (request) => compile(context, request) });

describeBroken<ReturnType<typeof makeMemoryContextHarness>, IContextPort>(
  'a context port',
  contextSuite,
  makeMemoryContextHarness,
  [
    ['keeps every rule', [], (context) => context],

    [
      'does not say where recorded entries come from',
      ['context:6'],
      compileOf(async (context, request) =>
        (await context.compile(request)).map(({ provenance, ...message }) =>
          provenance?.source === 'conversation'
            ? message
            : { ...message, ...(provenance && { provenance }) },
        ),
      ),
    ],
    [
      'explains what compile refuses',
      ['context:7'],
      (context) => ({
        ...context,
        explain: async (request) => {
          if (request.limit === -1) return [];
          return (await context.explain?.(request)) ?? [];
        },
      }),
    ],
    [
      'knows nothing',
      ['context:1'],
      compileOf(async (context, request) =>
        (await context.compile(request)).filter(
          ({ content }) => !content.startsWith('The harbour office opens at nine'),
        ),
      ),
    ],
    [
      'ignores limit',
      ['context:2'],
      compileOf((context, request) =>
        context.compile(
          request.recentLimit === 5 && Number.isInteger(request.limit)
            ? { ...request, limit: undefined as never }
            : request,
        ),
      ),
    ],
    [
      'takes a negative limit for none',
      ['context:2'],
      compileOf((context, request) => {
        const { recentLimit, ...rest } = request;
        return context.compile(recentLimit !== undefined && recentLimit < 0 ? rest : request);
      }),
    ],
    [
      'leaves out a source that it does not know',
      ['context:3'],
      compileOf((context, request) =>
        insteadOf(context.compile(request), 'source-unknown', () => []),
      ),
    ],
    [
      'names one source for all',
      ['context:4'],
      compileOf(async (context, request) =>
        (await context.compile(request)).map((message) =>
          message.content.includes('members only')
            ? { ...message, provenance: { source: 'notes' } }
            : message,
        ),
      ),
    ],
    [
      'takes text for an instruction',
      ['context:5'],
      compileOf(async (context, request) =>
        (await context.compile(request)).map((message) =>
          message.content.startsWith('system:') ? { ...message, role: 'system' } : message,
        ),
      ),
    ],
    [
      'forgets the last entry that it was handed',
      ['context:6'],
      (context) => ({
        ...context,
        record: async (actorId, entries) =>
          context.record?.(actorId, entries.length > 1 ? entries.slice(0, -1) : entries),
      }),
    ],
    [
      'gives everybody the entries of all',
      ['context:6'],
      compileOf((context, request) =>
        context.compile({
          ...request,
          sources: request.sources.map(({ id, label }) => ({ id, label })),
        }),
      ),
    ],
    [
      'changes the order from call to call',
      ['context:7'],
      (context) => {
        let calls = 0;
        return {
          ...context,
          compile: async (request) => {
            calls += 1;
            const messages = await context.compile(request);
            return calls % 2 === 0 && messages.length > 2 ? messages.toReversed() : messages;
          },
        };
      },
    ],
    [
      'hands out its own list',
      ['port:1'],
      (context) => {
        const own = new Map<string, readonly Message[]>();
        return {
          ...context,
          compile: async (request) => {
            const fresh = await context.compile(request);
            const key = JSON.stringify(request);
            const kept = own.get(key) ?? fresh;
            own.set(key, kept);
            return kept;
          },
        };
      },
    ],
    [
      'compiles after close',
      ['port:2'],
      compileOf((context, request) => insteadOf(context.compile(request), 'closed', () => [])),
    ],
    [
      'compiles a source that was not asked for',
      ['context:1'],
      compileOf((context, request) =>
        request.sources.length > 0
          ? context.compile(request)
          : context
              .compile({ ...request, sources: [{ id: 'notes', label: 'Notes' }] })
              .catch(() => []),
      ),
    ],
    [
      'reads texts as a language of queries',
      ['context:1'],
      compileOf((context, request) => {
        if (request.texts?.includes('"')) throw new SyntaxError('unterminated string');
        return context.compile(request);
      }),
    ],
    [
      'lets the last message exceed maxTokens',
      ['context:2'],
      compileOf((context, { maxTokens, ...request }) =>
        context.compile(
          maxTokens === undefined ? request : { ...request, maxTokens: maxTokens + 15 },
        ),
      ),
    ],
    [
      'keeps the role of what is recorded',
      ['context:5'],
      (context) => {
        const roles = new Map<string, Message['role']>();
        return {
          ...context,
          record: async (actorId, entries) => {
            for (const { content, role } of entries) roles.set(content, role);
            await context.record?.(actorId, entries);
          },
          compile: async (request) =>
            (await context.compile(request)).map((message) => ({
              ...message,
              role: roles.get(message.content) ?? message.role,
            })),
        };
      },
    ],
    [
      'takes the oldest entries of a conversation',
      ['context:6'],
      compileOf(async (context, request) => {
        if (request.sources[0]?.where === undefined) return context.compile(request);
        const { recentLimit, ...rest } = request;
        return (await context.compile(rest)).slice(0, recentLimit);
      }),
    ],
    [
      'reads the ids of actors without regard to capitals',
      ['context:6'],
      (context) => ({
        ...context,
        record: async (actorId, entries) => context.record?.(actorId.toLowerCase(), entries),
        compile: (request) =>
          context.compile({
            ...request,
            sources: request.sources.map((source) => ({
              ...source,
              ...(typeof source.where?.['actorId'] === 'string' && {
                where: { actorId: source.where['actorId'].toLowerCase() },
              }),
            })),
          }),
      }),
    ],
    [
      'keeps the entries that it was handed',
      ['port:1'],
      (context) => {
        const handed = new Map<string, Message>();
        return {
          ...context,
          record: async (actorId, entries) => {
            for (const entry of entries) handed.set(entry.content, entry);
            await context.record?.(actorId, entries);
          },
          compile: async (request) =>
            (await context.compile(request)).map((message) => ({
              ...message,
              content: handed.get(message.content)?.content ?? message.content,
            })),
        };
      },
    ],
  ],
);

describeProved(contextSuite);
