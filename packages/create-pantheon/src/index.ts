export { createAdapter, type CreateAdapterOptions, type CreatedAdapter } from './create-adapter.ts';
export { createApp, type CreateAppOptions, type CreatedApp } from './create-app.ts';
export { Problem } from './problem.ts';
