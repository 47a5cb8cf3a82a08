export {
  makeSqliteJournal,
  type RecordedStep,
  type SqliteJournal,
  type SqliteJournalOptions,
} from './sqlite-journal.ts';
