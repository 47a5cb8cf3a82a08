/** A process of a test: holds the lock of a row inside a transaction until it is ended. */
import pg from 'pg';

const [url, table] = process.argv.slice(2);
const client = new pg.Client({ connectionString: url ?? '' });
client.on('error', () => undefined);
await client.connect();
await client.query('BEGIN');
await client.query(`SELECT * FROM ${table} FOR UPDATE`);
process.send?.('locked');
