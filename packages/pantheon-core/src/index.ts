export * from './core/errors.ts';
export * from './core/ports.ts';
export * from './core/types.ts';
