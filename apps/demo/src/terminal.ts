/** What a person sees: progress, who does what and why, answers. All but answers goes to standard error. */
import type { PantheonEvent } from '@promethean/pantheon-core';
import type { Source } from './sources.ts';

/** Removes what could move the cursor or forge a line: documents, models and file names are data. */
const plain = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, '');

const oneLine = (text: string, length: number): string => {
  const line = plain(text).replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
};

export interface Terminal {
  readonly progress: (done: number, total: number) => void;
  readonly note: (text: string) => void;
  readonly observe: (event: PantheonEvent) => void;
}

const cause = (from: string | undefined): string =>
  from === undefined ? '' : `, because of a message from ${from}`;

/** Actors are called by the names of their scripts where `nameOf` knows them. */
export const makeTerminal = (quiet: boolean, nameOf: (id: string) => string): Terminal => {
  const { stderr } = process;
  const dim = (text: string): string =>
    stderr.isTTY && !process.env['NO_COLOR'] ? `\u001b[2m${text}\u001b[0m` : text;
  const senders = new Map<string, string>();

  const say = (text: string): void => {
    if (!quiet) stderr.write(`${dim(`  ${oneLine(text, 160)}`)}\n`);
  };

  const tell = (event: PantheonEvent): void => {
    const who = nameOf(event.actorId);
    switch (event.type) {
      case 'message-received':
        senders.set(event.messageId, nameOf(event.from));
        return;
      case 'tick-started': {
        const from = event.causeId === undefined ? undefined : senders.get(event.causeId);
        if (event.hasInput) say(`${who} ticks${cause(from)}`);
        if (event.causeId !== undefined) senders.delete(event.causeId);
        return;
      }
      case 'action-ended': {
        const { action, status, error, durationMs } = event.outcome;
        const result = status === 'ok' ? `${durationMs} ms` : `${status}: ${error?.message}`;
        if (action.type === 'tool' && action.name !== 'refresh_index') {
          say(`${who} uses ${action.name} ${JSON.stringify(action.args)} (${result})`);
        } else if (action.type === 'message')
          say(`${who} writes to ${nameOf(action.target ?? 'user')} (${result})`);
        else if (status !== 'ok') say(`${who} could not ${action.type} (${result})`);
        return;
      }
      case 'actor-spawned':
        say(`${nameOf(event.parentId)} spawns a ${event.script}`);
        return;
      case 'actor-state-changed':
        say(
          `${who} is ${event.state}${event.reason === undefined ? '' : `: ${event.reason.message}`}`,
        );
        return;
      default:
        return;
    }
  };

  return {
    progress(done, total) {
      if (!stderr.isTTY || quiet || total === 0) return;
      const width = 30;
      const full = Math.round((done / total) * width);
      const bar = `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
      stderr.write(done < total ? `\r  reading ${bar} ${done}/${total}` : '\r\u001b[K');
    },
    note: (text) => void stderr.write(`${plain(text)}\n`),
    observe: tell,
  };
};

/** An answer as a person reads it. */
export const formatAnswer = (answer: string, sources: readonly Source[]): string => {
  const list = sources.map(
    ({ file, line, heading }) => `  ${file}:${line}${heading === '' ? '' : `  (${heading})`}`,
  );
  return plain(list.length === 0 ? `${answer}\n` : `${answer}\n\nSources:\n${list.join('\n')}\n`);
};
