import type { ActorScript } from '@promethean/pantheon-core';

export const clerk: ActorScript = { name: 'clerk', version: '1', contextSources: [], talents: [] };
