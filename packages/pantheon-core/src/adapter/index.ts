/** What adapters of one port have in common, so that all of them refuse alike. For authors of adapters. */
export {
  applyPatch,
  copyOfMetadata,
  readSpawn,
  requireActorId,
  staleVersion,
  unknownActor,
  type Changeable,
  type Spawned,
} from './actor-changes.ts';
export { type ActorRow, changeableOf, recordOfRow, recordTooLarge } from './actor-row.ts';
export { requireMessage, toBusMessage } from './bus-message.ts';
export { type CronReader, type CronTimes, makeCronTimes, type ReadCron } from './cron-times.ts';
export { decodeId, encodeId } from './encode-id.ts';
export {
  type HeldLeases,
  type HeldLeasesOptions,
  type LeaseStore,
  makeHeldLeases,
} from './held-leases.ts';
export { isThenable } from '../core/thenable.ts';
export { hostTimers } from './host-timers.ts';
export { requireOptionName, requireWhole } from './options.ts';
export { copyJson, copyMetadata, deepFreeze } from './plain-data.ts';
export { retryDelay } from './retry-delay.ts';
export { makeScriptLibrary, type ScriptLibrary } from './script-library.ts';
export {
  inputText,
  makeTickRecord,
  requireTick,
  tickConflict,
  type TickStore,
} from './tick-record.ts';
export { contentProblem, isLongerThan, nameProblem, textProblem } from '../core/text.ts';
