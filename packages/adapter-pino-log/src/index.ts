export { makePinoLog, type PinoLog, type PinoLogOptions } from './pino-log.ts';
