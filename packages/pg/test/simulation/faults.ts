import type { Fault } from './settings.js';
import type { SimServer } from './sim-server.js';
import type { SimWorld, WebProcess } from './web-process.js';

/** What may happen besides visits, according to the schedule's faults. */
export function faultEvents(
  world: SimWorld,
  processes: readonly [WebProcess, ...WebProcess[]],
): readonly (() => void)[] {
  const { settings, database, random, time, judge } = world;
  const standbys = (): readonly SimServer[] => database.servers.filter(({ standby }) => standby);
  const onAny = (list: readonly SimServer[], what: string, fn: (server: SimServer) => void): void => {
    const server = random.anyOf(list);
    if (server === undefined) return;
    judge.note(() => `${server.name}: ${what}`);
    fn(server);
  };
  const events: Readonly<Record<Fault, () => void>> = {
    lag: () =>
      onAny(standbys(), 'lag changes', (server) => {
        server.transitMs = random.pick([1, 5, 50]);
        server.lagMs = random.pick([1, 20, 300, 1_500]);
      }),
    pause: () =>
      onAny(standbys(), 'replay is paused for a while', (server) => {
        server.paused = true;
        time.after(random.whole(50, 2_000), () => {
          server.paused = false;
          database.replay(server);
        });
      }),
    restart: () =>
      onAny(database.servers, 'restarts', (server) => {
        database.stop(server);
        time.after(random.whole(20, 1_500), () => database.start(server));
      }),
    failover: () => failOver(world),
    revival: () =>
      onAny(
        database.servers.filter((server) => !server.up || (!server.standby && server !== database.primary)),
        'comes back alone, as it was',
        (server) => database.start(server),
      ),
    split: () => {
      if (random.chance(0.5)) return;
      onAny(standbys(), 'becomes a second primary of its timeline', (server) => database.startAlone(server));
    },
    foreign: () => {
      if (random.chance(0.5)) return;
      onAny(standbys(), "gets another cluster's data", (server) => database.replaceData(server));
    },
    cut: () => {
      const process = random.pick(processes);
      onAny(database.servers, `is cut off from ${process.name} for a while`, (server) => {
        process.cut(server);
        time.after(random.whole(50, 3_000), () => process.mend(server));
      });
    },
    slow: () => onAny(database.servers, 'writes something of its own', (server) => writeNoise(world, server)),
    clock: () => {
      const process = random.pick(processes);
      process.clockError = random.pick([0, -3_600_000, 3_600_000, 10_000, -700, 700, 1.5]);
      judge.note(() => `the clock of ${process.name} jumps to ${process.clockError} ms`);
    },
    settings: () => {
      const process = random.pick(processes);
      process.reconfigure(random.pick([0, 300, 1_000]), random.pick([300_000, 2_000]));
      judge.note(
        () => `${process.name} holds pins for ${process.web.forMs}, up to ${process.web.maxAgeMs} ms`,
      );
    },
  };
  const noise = (): void => writeNoise(world, database.primary);
  return [noise, ...settings.faults.map((fault) => events[fault])];
}

function writeNoise({ database }: SimWorld, server: SimServer | undefined): void {
  if (server?.up === true && !server.standby && !database.isForeign(server)) database.commit(server, 0);
}

/** The primary is lost, or only its role; one of the standbys is promoted, and others follow it later. */
function failOver({ database, random, time, judge }: SimWorld): void {
  const former = database.primary;
  if (former !== undefined && random.chance(0.85)) {
    judge.note(() => `${former.name}, the primary, is lost`);
    database.stop(former);
  }
  time.after(random.whole(1, 800), () => {
    const able = database.servers.filter((server) => database.canPromote(server));
    const promoted = random.anyOf(able);
    if (promoted === undefined || (former?.up === true && database.synchronous)) return;
    database.promote(promoted);
    judge.note(() => `${promoted.name} is promoted to timeline ${promoted.branch.timeline}`);
    for (const server of database.servers) {
      time.afterQuietly(random.whole(1, 500), () => {
        if (database.primary === promoted) database.follow(server, promoted);
      });
    }
  });
}

/** Makes everything whole: one primary, and all others its standbys. */
export function restoreAll({ database, time, judge }: SimWorld, processes: readonly WebProcess[]): void {
  judge.note(() => 'from now on all is well');
  database.calmSince = time.now();
  const primary = database.primary;
  if (primary === undefined) return;
  database.start(primary);
  for (const server of database.servers) {
    for (const process of processes) process.mend(server);
    if (server === primary) continue;
    server.transitMs = 1;
    server.lagMs = 5;
    server.paused = false;
    if (database.follow(server, primary)) database.start(server);
    else database.rebuild(server, primary);
  }
  time.afterQuietly(1, () => database.commit(primary, 0));
}
