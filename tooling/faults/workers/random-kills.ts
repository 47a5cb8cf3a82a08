/** Kills workers at random moments while they work, and starts another one for each. */
import type { Worker } from './crew.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

const CREW = 3;
/** A worker is killed this long after there were enough of them at work. */
const [SOONEST_MS, LATEST_MS] = [60, 180];

/** With each kill every actor gets one order more. It ends after so many kills, or before, when enough has been seen. */
export const killAtRandom = async (
  scene: Scene,
  kills: number,
  isEnough: () => boolean = () => false,
): Promise<void> => {
  const slots: (Worker | undefined)[] = await scene.hire(CREW);
  const hiring: Promise<unknown>[] = [];
  let hasFailed = false;
  const atWork = (): number[] =>
    slots.flatMap((worker, slot) => (worker?.isAtWork() === true ? [slot] : []));
  for (let kill = 0; kill < kills && !isEnough(); kill += 1) {
    await scene.send();
    await until(() => atWork().length >= CREW - 1 || hasFailed, 'two workers at work');
    if (hasFailed) await Promise.all(hiring);
    const delayMs = SOONEST_MS + Math.random() * (LATEST_MS - SOONEST_MS);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const candidates = atWork();
    const slot = candidates[Math.floor(Math.random() * candidates.length)] as number;
    const victim = slots[slot] as Worker;
    slots[slot] = undefined;
    await victim.kill();
    const hired = scene.hire(1).then(([worker]) => {
      slots[slot] = worker;
    });
    hired.catch(() => {
      hasFailed = true;
    });
    hiring.push(hired);
  }
  await Promise.all(hiring);
};
