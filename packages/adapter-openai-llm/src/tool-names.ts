import { createHash } from 'node:crypto';
import { invalid } from '@promethean/llm-calls';
import type { Message, ToolSpec } from '@promethean/pantheon-core';

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * Names for the wire: as they are where they fit, else shortened with a digest of the whole name, so that the same name is the same in
 * every request. No two names share one.
 */
export const nameTools = (
  tools: readonly ToolSpec[],
  messages: readonly Message[],
): ((name: string) => string) => {
  const offered = new Set(tools.map(({ name }) => name));
  if (offered.size < tools.length) throw invalid('tools', 'two tools have the same name');
  const called = messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ name }) => name));
  const names = [...new Set([...offered, ...called])];
  const wireNames = new Map(names.filter((name) => NAME.test(name)).map((name) => [name, name]));
  const taken = new Set(wireNames.values());
  for (const name of names.filter((each) => !NAME.test(each))) {
    let candidate = name;
    do {
      const digest = createHash('sha256').update(candidate).digest('hex').slice(0, 8);
      candidate = `${name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 55)}_${digest}`;
    } while (taken.has(candidate));
    taken.add(candidate);
    wireNames.set(name, candidate);
  }
  return (name) => wireNames.get(name) ?? name;
};
