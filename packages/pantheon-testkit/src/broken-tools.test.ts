import type { IToolPort, Tool, ToolCallContext, ToolSpec } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import {
  describeBroken,
  describeProved,
  codeOf,
  insteadOf,
  type Wrap,
} from '../test/broken-ports.ts';
import { makeMemoryToolsHarness } from './memory-harnesses.ts';
import { toolsSuite } from './index.ts';

const invokeOf =
  (
    invoke: (
      tools: IToolPort,
      name: string,
      args: Readonly<Record<string, unknown>>,
      call: ToolCallContext | undefined,
    ) => Promise<unknown>,
  ): Wrap<IToolPort> =>
  (tools) => ({ ...tools, invoke: (name, args, call) => invoke(tools, name, args, call) });

describeBroken<ReturnType<typeof makeMemoryToolsHarness>, IToolPort>(
  'a tool port',
  toolsSuite,
  makeMemoryToolsHarness,
  [
    ['keeps every rule', [], (tools) => tools],

    [
      'takes a rejection with nothing for a result',
      ['tools:1'],
      (tools) => ({
        ...tools,
        register: (tool) =>
          tools.register(
            typeof tool.invoke !== 'function' || !tool.name?.startsWith('odd-')
              ? tool
              : {
                  ...tool,
                  invoke: async (...call) => {
                    try {
                      return await tool.invoke(...call);
                    } catch (error) {
                      if (error === undefined || error === null) return error;
                      throw error;
                    }
                  },
                },
          ),
      }),
    ],
    [
      'finds required arguments in the prototype',
      ['tools:4'],
      (tools) => ({
        ...tools,
        register: (tool) =>
          tools.register(
            tool.name === 'inherited' ? { ...tool, parameters: { type: 'object' } } : tool,
          ),
      }),
    ],
    [
      'lists after close',
      ['port:2'],
      (tools) => {
        let closed = false;
        return {
          ...tools,
          list: () => (closed ? [] : (tools.list?.() ?? [])),
          close: async () => {
            closed = true;
            await tools.close?.();
          },
        };
      },
    ],
    [
      'lists what it refused',
      ['tools:8'],
      (tools) => {
        const refused: ToolSpec[] = [];
        return {
          ...tools,
          register: (tool) => {
            try {
              tools.register(tool);
            } catch (error) {
              if (codeOf(error) === 'tool-duplicate') refused.push({ name: tool.name });
              throw error;
            }
          },
          list: () => [...(tools.list?.() ?? []), ...refused],
        };
      },
    ],
    [
      'swallows an error of a tool',
      ['tools:1'],
      invokeOf((tools, name, args, call) =>
        insteadOf(tools.invoke(name, args, call), 'tool-failed', () => undefined),
      ),
    ],
    [
      'hands the error out as a result',
      ['tools:1'],
      invokeOf((tools, name, args, call) =>
        tools.invoke(name, args, call).catch((error: unknown) => {
          if (codeOf(error) === 'tool-failed') return { error: String(error) };
          throw error;
        }),
      ),
    ],
    [
      'looks tools up in an object',
      ['tools:2'],
      invokeOf((tools, name, args, call) =>
        insteadOf(tools.invoke(name, args, call), 'tool-unknown', () => {
          const found: unknown = ({} as Record<string, unknown>)[name];
          if (typeof found !== 'function') throw new PantheonError('tool-unknown', name);
          return found.name;
        }),
      ),
    ],
    [
      'lets the last registration win',
      ['tools:3'],
      (tools) => ({
        ...tools,
        register: (tool) => {
          try {
            tools.register(tool);
          } catch (error) {
            if (codeOf(error) !== 'tool-duplicate') throw error;
          }
        },
      }),
    ],
    [
      'accepts forbidden arguments',
      ['tools:4'],
      (tools) => {
        const known = new Map<string, Tool>();
        return {
          ...tools,
          register: (tool) => {
            tools.register(tool);
            known.set(tool.name, tool);
          },
          invoke: (name, args, call) =>
            insteadOf(tools.invoke(name, args, call), 'action-invalid', () =>
              known.get(name)?.invoke(args, call ?? {}),
            ),
        };
      },
    ],
    [
      'never times out',
      ['tools:5'],
      invokeOf((tools, name, args, call) =>
        tools.invoke(name, args, { ...call, timeoutMs: Infinity }),
      ),
    ],
    [
      'times out and lets the tool go on',
      ['tools:5'],
      (tools) => ({
        ...tools,
        register: (tool) =>
          tools.register({
            ...tool,
            invoke: (args, call) => {
              const { signal } = new AbortController();
              return tool.invoke(args, {
                ...call,
                signal: tool.name === 'long' ? (call.signal ?? signal) : signal,
              });
            },
          }),
      }),
    ],
    [
      'leaks a listener',
      ['tools:6'],
      invokeOf((tools, name, args, call) => {
        call?.signal?.addEventListener('abort', () => undefined);
        return tools.invoke(name, args, call);
      }),
    ],
    [
      "does not look at the caller's signal",
      ['tools:6'],
      invokeOf((tools, name, args, call) => {
        const { signal: _, ...rest } = call ?? {};
        return tools.invoke(name, args, rest);
      }),
    ],
    [
      'runs one call after the other',
      ['tools:7'],
      (tools) => {
        let last: Promise<unknown> = Promise.resolve();
        return {
          ...tools,
          invoke: (name, args, call) => {
            if (name !== 'maybe') return tools.invoke(name, args, call);
            const mine = last.then(() => tools.invoke(name, args, call));
            last = mine.catch(() => undefined);
            return mine;
          },
        };
      },
    ],
    [
      'lists tools by their names',
      ['tools:8'],
      (tools) => ({
        ...tools,
        list: () => (tools.list?.() ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      }),
    ],
    [
      'lists its own objects',
      ['port:1'],
      (tools) => {
        const own = new Map<string, { name: string }>();
        return {
          ...tools,
          list: () =>
            (tools.list?.() ?? []).map((spec) => {
              const kept = own.get(spec.name) ?? { ...spec };
              own.set(spec.name, kept);
              return kept;
            }),
        };
      },
    ],
    [
      'closes while a call runs',
      ['port:2'],
      (tools) => ({
        ...tools,
        close: async () => {
          void tools.close?.();
        },
      }),
    ],
    [
      'takes nothing for null',
      ['tools:1'],
      invokeOf(async (tools, name, args, call) => (await tools.invoke(name, args, call)) ?? null),
    ],
    [
      "hides a tool's own error",
      ['tools:1'],
      invokeOf((tools, name, args, call) =>
        insteadOf(tools.invoke(name, args, call), 'permission-denied', () => {
          throw new PantheonError('tool-failed', 'The tool failed.');
        }),
      ),
    ],
    [
      'does not tell the fence',
      ['tools:1'],
      invokeOf((tools, name, args, call) => {
        const { fence: _, ...rest } = call ?? {};
        return tools.invoke(name, args, rest);
      }),
    ],
    [
      'refuses names that objects inherit',
      ['tools:2'],
      (tools) => ({
        ...tools,
        register: (tool) => {
          if (tool.name === 'valueOf') throw new PantheonError('tool-invalid', 'It is taken.');
          tools.register(tool);
        },
      }),
    ],
    [
      'refuses names of other scripts',
      ['tools:3'],
      (tools) => ({
        ...tools,
        register: (tool) => {
          if (/[\u3000-\u{1ffff}]/u.test(tool.name))
            throw new PantheonError('tool-invalid', 'Only letters of English.');
          tools.register(tool);
        },
      }),
    ],
    [
      'does not look into lists',
      ['tools:4'],
      (tools) => ({
        ...tools,
        register: (tool) => {
          const properties = tool.parameters?.['properties'] as Record<string, object> | undefined;
          tools.register(
            tool.name !== 'weather' || properties?.['hours'] === undefined
              ? tool
              : {
                  ...tool,
                  parameters: {
                    ...tool.parameters,
                    properties: { ...properties, hours: { type: 'array' } },
                  },
                },
          );
        },
      }),
    ],
    [
      'leaves out arguments that are empty',
      ['tools:4'],
      invokeOf((tools, name, args, call) =>
        tools.invoke(
          name,
          args?.['city'] === ''
            ? Object.fromEntries(Object.entries(args).filter(([, value]) => value !== ''))
            : args,
          call,
        ),
      ),
    ],
    [
      'aborts the signal of a call that has ended',
      ['tools:5'],
      (tools) => ({
        ...tools,
        register: (tool) =>
          tools.register(
            tool.name !== 'quick'
              ? tool
              : {
                  ...tool,
                  invoke: async (args, call) => {
                    const ending = new AbortController();
                    try {
                      return await tool.invoke(args, { ...call, signal: ending.signal });
                    } finally {
                      ending.abort();
                    }
                  },
                },
          ),
      }),
    ],
    [
      'writes into what it was handed',
      ['port:1'],
      invokeOf((tools, name, args, call) => {
        if (typeof args?.['city'] === 'string' && Object.isFrozen(args))
          Object.assign(args, { days: 1 });
        return tools.invoke(name, args, call);
      }),
    ],
  ],
);

describeProved(toolsSuite);
