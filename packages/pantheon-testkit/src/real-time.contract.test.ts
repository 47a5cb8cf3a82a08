/** The suites on ports whose time nobody can move, and that are as far away as a server. */
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { realToolsHarness, serverBusHarness } from '../test/server-harnesses.ts';
import { busSuite, toolsSuite } from './index.ts';

describeContract('a bus on a server', busSuite, () => serverBusHarness());
describeContract('tools in real time', toolsSuite, () => realToolsHarness());
