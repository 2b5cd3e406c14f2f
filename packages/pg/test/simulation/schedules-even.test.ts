import { runSchedules } from './run-schedules.js';

runSchedules(0);
