import { busSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis } from '@promethean/services/vitest';
import { redisBusHarness } from '../test/bus-harness.ts';

describeWithRedis('redis bus', (redis) => {
  describeContract('contract', busSuite, () => redisBusHarness(redis().url));
});
