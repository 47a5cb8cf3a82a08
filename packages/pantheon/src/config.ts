/** What a Pantheon is made from. Every default stands here; a setting that is left out, or `undefined`, has it. */
import type { FunctionTool } from '@promethean/adapter-function-tools';
import type { OpenAiLlmOptions } from '@promethean/adapter-openai-llm';
import type { PinoLogOptions } from '@promethean/adapter-pino-log';
import type {
  ActorScript,
  IActorStatePort,
  IContextPort,
  IJournalPort,
  ILeasePort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  Log,
  Now,
  Observer,
  OrchestratorOptions,
} from '@promethean/pantheon-core';

/** An actor that is there from the start. */
export interface ActorSetting {
  readonly script: ActorScript;
  /** Of a new actor; one that the state has already keeps its own. Default: none. */
  readonly goals?: readonly string[] | undefined;
  /** What messages are addressed to, and what the actor is found by after a restart. Default: the script's name. */
  readonly id?: string | undefined;
  /** Ticks it every so many milliseconds, 1 to 2,147,483,647. Default: the script's `loop.intervalMs`, else no loop. */
  readonly loopMs?: number | undefined;
}

/** A SQLite file for actors. */
export interface StateFile {
  /** Its folder is made where it is missing. */
  readonly file: string;
}

/** A SQLite file for the journal. */
export interface JournalFile {
  /** Its folder is made where it is missing. */
  readonly file: string;
}

/** The sources `conversation` and `tool-results`, and folders of documents, in SQLite. Needs Node 22.16. */
export interface ContextSettings {
  /** Its folder is made where it is missing. Default: in memory. */
  readonly file?: string | undefined;
  /** Folders of Markdown and text files by the id that a `ContextSource` names; `start()` indexes them. Default: none. */
  readonly documents?: Readonly<Record<string, string>> | undefined;
}

/**
 * An OpenAI-compatible model. Defaults: `model` is OPENAI_MODEL, else `gpt-4.1-mini`; `apiKey` is OPENAI_API_KEY; `baseURL` is
 * OPENAI_BASE_URL; all others are those of `@promethean/adapter-openai-llm`.
 */
export type OpenAiSetting = Partial<Omit<OpenAiLlmOptions, 'client' | 'random' | 'timers' | 'now'>>;

/** A pino log. Defaults: `level` is `warn`, `destination` is standard error; all others are those of `@promethean/adapter-pino-log`. */
export type LogSetting = Omit<PinoLogOptions, 'logger' | 'now'>;

/** What `makePantheon` takes. A port that is given is used as it is, and never closed. */
export interface PantheonConfig {
  /** Made by `start()`, or found again by their ids. Default: none. */
  readonly actors?: readonly ActorSetting[] | undefined;
  /** Scripts that only spawned actors follow, for a state in a file. Those of `actors` are known anyway. Default: none. */
  readonly scripts?: readonly ActorScript[] | undefined;
  /** Default: a bus in memory. */
  readonly bus?: IMessageBus | undefined;
  /** Shares the messages to actors with the other processes of this group. Default: no group, every message is handled here. */
  readonly group?: string | undefined;
  /** Where actors are kept. Default `memory`. */
  readonly state?: IActorStatePort | 'memory' | StateFile | undefined;
  /** What behaviors know. Default `memory`: the source `conversation`, until the process ends. */
  readonly context?: IContextPort | 'memory' | ContextSettings | undefined;
  /**
   * What ticks did, so that one that a crash interrupted is finished by the next `start()` and not repeated. Default: none. To be
   * used with a state in a file. With a `group` and without `leases`, `start()` finishes nothing: the bus delivers the message again,
   * be it elsewhere. A call that needs an approval waits in the journal.
   */
  readonly journal?: IJournalPort | JournalFile | undefined;
  /**
   * Keeps an actor to one process at a time, where several share a state. It also lets every process take up what another one has
   * left, at `start()` and every 30 seconds from then on. Default: none, which is right for one process.
   */
  readonly leases?: ILeasePort | undefined;
  /** Default: no tools. */
  readonly tools?: IToolPort | readonly FunctionTool[] | undefined;
  /** Default: `openai` when OPENAI_API_KEY or OPENAI_BASE_URL is set, else `offline`. */
  readonly llm?: ILlmPort | 'offline' | 'openai' | OpenAiSetting | undefined;
  /** Default: intervals, delays and cron expressions in this process. */
  readonly schedule?: IScheduler | undefined;
  /** A function is used as it is; `false` is silence. Default: pino, `warn`, standard error. */
  readonly log?: Log | LogSetting | false | undefined;
  /** Receives an event for everything of note. Default: nobody. */
  readonly observe?: Observer | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: Now | undefined;
  /** Limits and further settings of the orchestrator. Default: the orchestrator's own. */
  readonly options?: OrchestratorOptions | undefined;
}

/** Returns the config as it is, for its types. */
export const defineConfig = (config: PantheonConfig): PantheonConfig => config;
