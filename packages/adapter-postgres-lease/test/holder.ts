/** A process of a test: holds a lease, and tells when it asked for it and, on request, whether it holds it still. */
import { makePostgresLease } from '../src/index.ts';

const [url = '', schema = '', name = '', ttlMs = ''] = process.argv.slice(2);
const leases = makePostgresLease({ url, schema });
await leases.ready();
const lease = await leases.acquire(name, { ttlMs: Number(ttlMs) });

process.on('message', () => process.send?.(lease?.isHeld() === true));
process.send?.(lease?.token);
