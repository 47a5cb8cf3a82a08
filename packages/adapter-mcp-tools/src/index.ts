export type { McpServer } from './connection.ts';
export type { HttpServer } from './http-transport.ts';
export { makeMcpTools, type McpTools, type McpToolsOptions } from './mcp-tools.ts';
export type { McpToolSettings } from './remote-tool.ts';
export type { McpToolsChange } from './session.ts';
export type { StdioServer } from './stdio-transport.ts';
