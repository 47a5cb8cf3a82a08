export {
  openSqliteFile,
  type SqliteFileKind,
  type SqliteFileSettings,
  translateSqliteError,
} from './sqlite-file.ts';
