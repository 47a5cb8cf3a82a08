import { encodeId } from '@promethean/pantheon-core/adapter';
import type { ActorState } from '@promethean/pantheon-core';

/** The names of the keys of one namespace. Ids are encoded, so that no namespace and no id reaches into another. */
export interface Keys {
  readonly actor: (id: string) => string;
  readonly all: string;
  readonly byState: (state: ActorState) => string;
  readonly byScript: (name: string) => string;
  readonly byParent: (id: string) => string;
}

/** All keys of a namespace share one hash tag, hence one slot of a Cluster: a script may touch any of them. */
export const makeKeys = (namespace: string): Keys => {
  const base = `{${encodeId(namespace)}}:state:`;
  return {
    actor: (id) => `${base}actor:${encodeId(id)}`,
    all: `${base}all`,
    byState: (state) => `${base}by-state:${state}`,
    byScript: (name) => `${base}by-script:${encodeId(name)}`,
    byParent: (id) => `${base}by-parent:${encodeId(id)}`,
  };
};
