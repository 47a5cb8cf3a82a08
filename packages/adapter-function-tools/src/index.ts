export { defineTool, type FunctionCall, type ToolDefinition } from './define-tool.ts';
export {
  makeFunctionTools,
  type FunctionTools,
  type FunctionToolsOptions,
} from './function-tools.ts';
export type { FunctionTool } from './registered-tool.ts';
