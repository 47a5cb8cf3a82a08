export {
  makePostgresState,
  type PostgresState,
  type PostgresStateOptions,
} from './postgres-state.ts';
export type {
  PostgresConnection,
  PostgresPool,
  PostgresSession,
  PostgresSettings,
} from './postgres-client.ts';
