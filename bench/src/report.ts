import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Figure } from './benchmark.js';
import type { Comparison } from './comparison.js';
import { type Goal, judge } from './goals.js';

/** `ratio <name> <median> [low-high] cpu <median>`: what was tried, in terms of the base. */
export function ratioLine({ name, throughput: { median, low, high }, cpu }: Comparison): string {
  return `ratio ${name} ${three(median)} [${three(low)}-${three(high)}] cpu ${three(cpu.median)}`;
}

/** The same in absolute terms. */
export function rateLine({ name, base, tried }: Comparison): string {
  const side = ({ perSecond, cpuUs }: Comparison['base']): string =>
    `${Math.round(perSecond)}/s ${cpuUs.toFixed(1)} µs`;
  return `rate ${name} base ${side(base)} tried ${side(tried)}`;
}

export function goalLine(comparison: Comparison, goal: Goal): string {
  const cpu = goal.cpu === undefined ? '' : ` cpu <= ${goal.cpu}`;
  return `goal ${comparison.name} ratio >= ${goal.throughput}${cpu} ${judge(comparison, goal)}`;
}

export function figureLine({ name, value, unit }: Figure): string {
  return `figure ${name} ${value.toFixed(2)} ${unit}`;
}

function three(value: number): string {
  return value.toFixed(3);
}

/** What a run has found, besides what the benchmark itself has. */
export interface Findings {
  /** What the cluster's primary says it is; undefined when none was needed. */
  readonly postgres: string | undefined;
}

/**
 * Writes what a run has found, where and with what, as JSON.
 *
 * @param name of the benchmark; one file is kept for each major version of Node
 * @returns the path of the file
 */
export async function writeFindings<F extends Findings>(name: string, findings: F): Promise<string> {
  const folder = fileURLToPath(new URL('../results/', import.meta.url));
  const [major] = process.versions.node.split('.');
  const file = `${folder}${name}-${major}.json`;
  const [processor] = cpus();
  const document = {
    at: new Date().toISOString(),
    versions: {
      node: process.versions.node,
      v8: process.versions.v8,
      postgres: findings.postgres,
      ...Object.fromEntries(['pg', 'express', 'fastify'].map((it) => [it, versionOf(it)])),
    },
    machine: {
      platform: `${process.platform} ${process.arch}`,
      processor: processor?.model,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    ...findings,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${JSON.stringify(document, undefined, 2)}\n`);
  return file;
}

const require = createRequire(import.meta.url);

function versionOf(name: string): unknown {
  const manifest: unknown = require(`${name}/package.json`);
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? manifest.version
    : undefined;
}
