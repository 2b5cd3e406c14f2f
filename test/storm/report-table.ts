import type { StormReport } from './report.js';

/** A report as lines for people. */
export function reportTable(report: StormReport): string {
  const { seed, seconds, breakage, promises, outage } = report;
  const rows: (readonly [string, string])[] = [
    ['seed', `${seed}, ${seconds} s${breakage === null ? '' : `, broken: ${breakage}`}`],
    ['operations', `${report.reads} reads, ${report.writes} writes`],
    ['faults', `${sum(report.faults)}, at most ${(report.longestCalmMs / 1_000).toFixed(1)} s apart`],
    ...indented(report.faults),
    ['promises, broken so often', ''],
    ...indented(promises),
    ['failed reads, excused ones too', ''],
    ...failures(report.failedReads),
    ['failed writes', ''],
    ...failures(report.failedWrites),
    [
      'longest write outage beyond the fault',
      `${Math.round(outage.ms)} ms (goal: ${outage.goalMs} ms), ${(outage.atMs / 1_000).toFixed(1)} s after the start`,
    ],
    ...Object.entries(report.memory).map(
      ([name, { firstMb, lastMb, mbPerMinute }]): readonly [string, string] => [
        `memory of ${name}`,
        `${firstMb.toFixed(1)} to ${lastMb.toFixed(1)} MB, ${mbPerMinute.toFixed(2)} MB a minute`,
      ],
    ),
    ...report.connections.map(({ node, onServer, inPools, inUse }): readonly [string, string] => [
      `connections to ${node}`,
      `${onServer} on the server, ${inPools} in pools and monitors, ${inUse} in use`,
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd());
  return [...lines, ...report.stories.map((story) => `\n${story}`)].join('\n');
}

function indented(counts: object): readonly (readonly [string, string])[] {
  return Object.entries(counts).map(([name, count]) => [`  ${name}`, String(count)]);
}

function failures(found: StormReport['failedReads']): readonly (readonly [string, string])[] {
  return Object.entries(found).map(([name, { count, soonestMs, latestMs }]) => [
    `  ${name}`,
    `${count}, after ${soonestMs} to ${latestMs} ms`,
  ]);
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
