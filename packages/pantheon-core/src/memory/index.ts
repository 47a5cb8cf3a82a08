export {
  makeMemoryScheduler,
  type MemoryScheduler,
  type MemorySchedulerOptions,
} from "./memory-scheduler.ts";
export { makeMemoryTools, type MemoryTools, type MemoryToolsOptions } from "./memory-tools.ts";
