import { choosePorts } from './choose-ports.ts';
import { idOf } from './config-schema.ts';
import type { ActorSetting, PantheonConfig } from './config.ts';
import type { Environment } from './environment.ts';

const actorText = (actor: ActorSetting): string => {
  const { script, loopMs = script.loop?.intervalMs } = actor;
  const id = idOf(actor);
  const notes = [
    ...(id === script.name ? [] : [`script ${script.name}`]),
    ...(loopMs === undefined ? [] : [`every ${loopMs} ms`]),
  ];
  return notes.length === 0 ? id : `${id} (${notes.join(', ')})`;
};

/** An option that the config sets. */
const optionText = (
  { options = {} }: PantheonConfig,
  name: 'approvalTtlMs' | 'leaseTtlMs',
): string => (options[name] === undefined ? '' : `, ${name} ${options[name]}`);

/** What a config would use, one line a setting. Nothing secret is in it. */
export const describeConfig = (config: PantheonConfig, env: Environment, name: string): string => {
  const { state, context, journal, leases, tools, llm, bus, schedule, log } = choosePorts(
    config,
    env,
  );
  const actors = (config.actors ?? []).map(actorText).join(', ') || 'none';
  const group = config.group === undefined ? '' : `, shared with the group ${config.group}`;
  const lines = {
    actors,
    state: state.name,
    context: context.name,
    journal: (journal?.name ?? 'none') + optionText(config, 'approvalTtlMs'),
    leases: (leases?.name ?? 'none') + optionText(config, 'leaseTtlMs'),
    tools: tools.name,
    llm: llm.name,
    bus: bus.name + group,
    schedule: schedule.name,
    log: log.name,
  };
  const rows = Object.entries(lines).map(([setting, text]) => `  ${setting.padEnd(9)} ${text}`);
  return [`${name} is valid. It uses:`, ...rows].join('\n');
};
