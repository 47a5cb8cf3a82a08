export {
  makeSqliteJournal,
  type RecordedStep,
  type RecordedTick,
  type SqliteJournal,
  type SqliteJournalOptions,
} from './sqlite-journal.ts';
