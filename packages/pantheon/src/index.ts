export * from '@promethean/pantheon-core';
export { defineTool, type FunctionTool } from '@promethean/adapter-function-tools';
export {
  defineConfig,
  type ActorSetting,
  type ContextSettings,
  type LogSetting,
  type OpenAiSetting,
  type PantheonConfig,
  type StateFile,
} from './config.ts';
export { loadConfig, type LoadConfigOptions } from './load-config.ts';
export {
  makePantheon,
  type MakePantheonOptions,
  type Pantheon,
  type PantheonPorts,
} from './make-pantheon.ts';
