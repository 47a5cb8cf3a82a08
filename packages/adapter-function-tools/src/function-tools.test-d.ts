import type { IToolPort } from '@promethean/pantheon-core';
import { z } from 'zod';
import { defineTool, makeFunctionTools } from './index.ts';

makeFunctionTools() satisfies IToolPort;

const tool = defineTool({
  name: 'tool',
  input: z.object({ url: z.url(), retries: z.number().default(1) }),
  output: z.object({ at: z.string().transform(Number) }),
  run: (args, call) => {
    args satisfies { url: string; retries: number };
    // @ts-expect-error There is no such argument.
    void args.uri;
    call.signal satisfies AbortSignal;
    return { at: '1' };
  },
});
makeFunctionTools({ tools: [tool, { name: 'plain', invoke: () => 1 }], maxConcurrent: 4 });
makeFunctionTools().register(tool);

const output = z.object({ n: z.number() });
// @ts-expect-error A result that the output schema does not accept.
defineTool({ name: 'tool', input: z.object({}), output, run: () => ({ n: 'x' }) });
// @ts-expect-error The schema is required.
defineTool({ name: 'tool', run: () => 1 });
// @ts-expect-error No such class of side effects.
defineTool({ name: 'tool', input: z.object({}), sideEffect: 'reads', run: () => 1 });
// @ts-expect-error No such option.
makeFunctionTools({ timeoutMs: 1 });
// @ts-expect-error The wrong type.
makeFunctionTools({ defaultTimeoutMs: '1s' });
