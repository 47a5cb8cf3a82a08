export {
  makePostgresState,
  type PostgresConnection,
  type PostgresPool,
  type PostgresSession,
  type PostgresSettings,
  type PostgresState,
  type PostgresStateOptions,
} from './postgres-state.ts';
