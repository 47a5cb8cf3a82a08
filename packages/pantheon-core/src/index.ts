export type { Approval, Approvals, Decided, Denial, Grant } from './core/approvals.ts';
export * from './core/errors.ts';
export type * from './core/events.ts';
export type { ForkOptions } from './core/forking.ts';
export { isAction, isActor, isMessage } from './core/guards.ts';
export type {
  ActionHandler,
  ActionHandlers,
  OrchestratorDeps,
  OrchestratorOptions,
  OrchestratorStats,
} from './core/kernel.ts';
export type { BudgetReport, Budgets } from './core/ledger.ts';
export type { ListenOptions } from './core/listening.ts';
export { makeOrchestrator } from './core/orchestrator.ts';
export type { Orchestrator, StopReport } from './core/orchestrator.ts';
export * from './core/ports.ts';
export type { Recovery, RecoveryReport } from './core/recovery.ts';
export { makeLlmBehavior } from './core/reasoning.ts';
export type { LlmBehaviorOptions } from './core/reasoning.ts';
export { defineScript, makeActorFactory } from './core/scripts.ts';
export type { ActorFactory } from './core/scripts.ts';
export * from './core/types.ts';
