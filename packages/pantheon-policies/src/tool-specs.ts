import type { IToolPort, ToolSpec } from '@promethean/pantheon-core';

/** What is known of a port's tools. */
export interface ToolSpecs {
  /** Registers with the port, and takes note. */
  readonly register: IToolPort['register'];
  readonly find: (name: string) => Effects | undefined;
}

type Effects = Pick<ToolSpec, 'sideEffect' | 'idempotent' | 'approval'>;

/** Asks the port's `list`; of a port without one only the tools that are registered through the decorator are known. */
export const makeToolSpecs = (port: IToolPort): ToolSpecs => {
  const registered = new Map<string, Effects>();
  return {
    register: (tool) => {
      port.register(tool);
      if (port.list !== undefined) return;
      const { name, sideEffect, idempotent, approval } = tool;
      registered.set(name, {
        ...(sideEffect !== undefined && { sideEffect }),
        ...(idempotent !== undefined && { idempotent }),
        ...(approval !== undefined && { approval }),
      });
    },
    find: (name) => {
      if (port.list === undefined) return registered.get(name);
      try {
        return port.list().find((spec) => spec.name === name);
      } catch {
        return undefined; // A closed port refuses the call that follows as well.
      }
    },
  };
};

/** Whether a tool may be called again although it may have run: it says so, or it changes nothing. */
export const isSafeToRepeat = (spec: Effects | undefined): boolean =>
  spec?.idempotent === true || spec?.sideEffect === 'none';
