export {
  makeSqliteJournal,
  type SqliteJournal,
  type SqliteJournalOptions,
} from './sqlite-journal.ts';
