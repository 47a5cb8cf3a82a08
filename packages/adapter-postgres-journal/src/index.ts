export {
  makePostgresJournal,
  type PostgresConnection,
  type PostgresJournal,
  type PostgresJournalOptions,
  type PostgresPool,
  type PostgresSession,
  type PostgresSettings,
} from './postgres-journal.ts';
