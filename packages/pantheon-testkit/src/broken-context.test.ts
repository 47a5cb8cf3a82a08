import type { ContextRequest, IContextPort, Message } from '@promethean/pantheon-core';
import { describeBroken, insteadOf } from '../test/broken-ports.ts';
import { contextHarness, type Wrap } from '../test/memory-harnesses.ts';
import { contextSuite } from './index.ts';

const compileOf =
  (
    compile: (context: IContextPort, request: ContextRequest) => Promise<readonly Message[]>,
  ): Wrap<IContextPort> =>
  (context) => ({ ...context, compile: (request) => compile(context, request) });

describeBroken<ReturnType<typeof contextHarness>, IContextPort>(
  'a context port',
  contextSuite,
  contextHarness,
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
  ],
);
