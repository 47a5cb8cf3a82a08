export { makeSqliteState, type SqliteState, type SqliteStateOptions } from './sqlite-state.ts';
