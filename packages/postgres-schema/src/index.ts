export type {
  PostgresConnection,
  PostgresPool,
  PostgresSession,
  PostgresSettings,
} from './connection.ts';
export type { PostgresClient, PostgresErrors, Repetition } from './postgres-client.ts';
export {
  makePostgresTables,
  type PostgresOptions,
  type PostgresTables,
  type PostgresTablesKind,
} from './postgres-tables.ts';
export type { Migration, TableNames } from './schema.ts';
