import { PantheonError } from '@promethean/pantheon-core';
import { isHttp } from './connection.ts';
import type { McpToolsOptions } from './mcp-tools.ts';
import { canName, isServerName, SERVER_NAME_RULE } from './tool-name.ts';

/** Milliseconds that a host's timer can wait at most. */
const MOST_TIMEOUT_MS = 2_147_483_647;

export const TIMEOUT_RULE: string = `must be a number of milliseconds above 0, at most ${MOST_TIMEOUT_MS}, or Infinity`;

/** Whether `TIMEOUT_RULE` holds. */
export const isTimeout = (value: unknown): boolean =>
  typeof value === 'number' && (value === Infinity || (value > 0 && value <= MOST_TIMEOUT_MS));

export const optionInvalid = (name: string, rule: string, value: unknown): PantheonError =>
  new PantheonError(
    'option-invalid',
    `${name} ${rule}, not ${JSON.stringify(value) ?? String(value)}.`,
  );

const requireBytes = (name: string, value: number, least: number): void => {
  if (!Number.isInteger(value) || value < least || value > 2 ** 30)
    throw optionInvalid(name, `must be an integer from ${least} to ${2 ** 30}`, value);
};

const requireUrl = (path: string, url: string): void => {
  const parsed = URL.parse(url);
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol))
    throw new PantheonError('option-invalid', `${path} must be an http: or https: address.`);
  if (parsed.username !== '' || parsed.password !== '')
    throw new PantheonError(
      'option-invalid',
      `${path} must not have credentials in it; put them into headers.`,
    );
};

const requireObject = (path: string, value: unknown): void => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw optionInvalid(path, 'must be an object', value);
};

const requireList = (path: string, value: unknown): void => {
  if (!Array.isArray(value)) throw optionInvalid(path, 'must be a list', value);
  requireTexts(path, { ...value });
};

const requireTexts = (path: string, texts: Readonly<Record<string, unknown>> = {}): void => {
  for (const [key, text] of Object.entries(texts))
    // The value may be a secret, and stays out of the message.
    if (typeof text !== 'string')
      throw new PantheonError(
        'option-invalid',
        `${path}.${key} must be a string, not ${typeof text}.`,
      );
};

const checkServers = (servers: McpToolsOptions['servers']): void => {
  requireObject('servers', servers);
  for (const [name, server] of Object.entries(servers)) {
    const path = `servers.${name}`;
    if (!isServerName(name)) throw optionInvalid('A name of servers', SERVER_NAME_RULE, name);
    if (typeof server !== 'object' || server === null)
      throw optionInvalid(path, 'must be an object with command or url', server);
    if (isHttp(server)) {
      if ('command' in server)
        throw new PantheonError(
          'option-invalid',
          `${path} must have either command or url, not both.`,
        );
      requireUrl(`${path}.url`, server.url);
      requireTexts(`${path}.headers`, server.headers);
      continue;
    }
    if (typeof server.command !== 'string' || server.command === '')
      throw optionInvalid(`${path}.command`, 'must name a program (or give url)', server.command);
    requireTexts(`${path}.env`, server.env);
    requireList(`${path}.args`, server.args ?? []);
  }
};

const checkTools = (
  tools: NonNullable<McpToolsOptions['tools']>,
  servers: McpToolsOptions['servers'],
): void => {
  // A misspelt name would leave a tool without its approval.
  for (const name of Object.keys(tools))
    if (!Object.keys(servers).some((server) => canName(name, server)))
      throw new PantheonError(
        'option-invalid',
        `tools has ${JSON.stringify(name)}, which can name no tool of "servers"; a tool is named server__tool.`,
      );
  for (const [
    name,
    { sideEffect = 'write', onUnknown = 'fail', approval = 'required', timeoutMs, maxResultBytes },
  ] of Object.entries(tools)) {
    // A misspelt class of side effects would pass for a harmless one.
    if (!['none', 'write', 'destructive'].includes(sideEffect))
      throw optionInvalid(
        `tools.${name}.sideEffect`,
        'must be "none", "write" or "destructive"',
        sideEffect,
      );
    if (!['retry', 'fail'].includes(onUnknown))
      throw optionInvalid(
        `tools.${name}.onUnknown`,
        'must be "retry", "fail" or absent',
        onUnknown,
      );
    if (approval !== 'required' && typeof approval !== 'function')
      throw optionInvalid(
        `tools.${name}.approval`,
        'must be "required", a function or absent',
        approval,
      );
    if (timeoutMs !== undefined && !isTimeout(timeoutMs))
      throw optionInvalid(`tools.${name}.timeoutMs`, TIMEOUT_RULE, timeoutMs);
    if (maxResultBytes !== undefined)
      requireBytes(`tools.${name}.maxResultBytes`, maxResultBytes, 256);
  }
};

type Checked = Required<
  Pick<
    McpToolsOptions,
    | 'servers'
    | 'allow'
    | 'tools'
    | 'pin'
    | 'timeoutMs'
    | 'connectTimeoutMs'
    | 'maxResultBytes'
    | 'maxMessageBytes'
  >
>;

/** Throws `option-invalid` with the path of what is wrong. */
export const checkOptions = (options: Checked): void => {
  const {
    servers,
    allow,
    tools,
    pin,
    timeoutMs,
    connectTimeoutMs,
    maxResultBytes,
    maxMessageBytes,
  } = options;
  checkServers(servers);
  checkTools(tools, servers);
  requireList('allow', allow);
  requireTexts('pin', pin);
  for (const name of Object.keys(pin))
    if (!Object.hasOwn(servers, name))
      throw new PantheonError('option-invalid', `pin.${name} names no server of "servers".`);
  if (!isTimeout(timeoutMs)) throw optionInvalid('timeoutMs', TIMEOUT_RULE, timeoutMs);
  if (!isTimeout(connectTimeoutMs) || connectTimeoutMs === Infinity)
    throw optionInvalid(
      'connectTimeoutMs',
      `must be a number of milliseconds above 0, at most ${MOST_TIMEOUT_MS}`,
      connectTimeoutMs,
    );
  requireBytes('maxResultBytes', maxResultBytes, 256);
  requireBytes('maxMessageBytes', maxMessageBytes, 65_536);
};
