export {
  makePostgresLease,
  type PostgresConnection,
  type PostgresLease,
  type PostgresLeaseOptions,
  type PostgresPool,
  type PostgresSession,
  type PostgresSettings,
} from './postgres-lease.ts';
