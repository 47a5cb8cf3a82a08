/**
 * A member of the group `workers` in a process of its own: `node member-process.ts <settings as JSON>`. It notes in Redis what it
 * handles, so that all processes together have one log.
 */
import { makeRedisBus, type RedisBusFailure } from '../src/index.ts';
import { connect } from './inspect.ts';
import { handle, type MemberSettings } from './worker.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as MemberSettings;
const client = connect(settings.url);
client.on('error', () => undefined);
const bus = makeRedisBus({
  url: settings.busUrl ?? settings.url,
  namespace: settings.namespace,
  ...settings.options,
  onError: ({ error }: RedisBusFailure) => {
    process.send?.({ event: 'error', text: String((error as Error).message ?? error) });
  },
});
bus.subscribe((message) => handle(client, settings, message), { group: 'workers' });
await bus.ready();
process.send?.({ event: 'ready' });
process.on('message', (command: { readonly do: string }) => {
  void (async () => {
    if (command.do === 'close') {
      await bus.close();
      await client.quit();
      process.disconnect();
    } else process.send?.({ event: 'stats', stats: bus.stats() });
  })();
});
