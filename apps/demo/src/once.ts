import { check, type NodeAtPort, unanswered } from './check.js';
import type { Demo } from './demo.js';
import type { DemoServer } from './demo-server.js';
import { reportOf, type Taken } from './report.js';
import { type Step, scenarioFor } from './scenario.js';
import { Visitor } from './visitor.js';

/**
 * Takes every step of the scenario against every server, over HTTP.
 *
 * @param signal gives up between two steps
 * @returns what to print, and whether every row was as expected
 */
export async function runOnce(demo: Demo, signal: AbortSignal): Promise<{ report: string; ok: boolean }> {
  const taken: Taken[] = [];
  for (const server of demo.servers) {
    const visitors = new Map<string, Visitor>();
    for (const step of scenarioFor(server.framework)) {
      taken.push(await take(step, server, visitors, demo, signal));
      signal.throwIfAborted();
    }
  }
  return { report: reportOf(taken), ok: taken.every(({ outcome }) => outcome.faults.length === 0) };
}

async function take(
  step: Step,
  { framework, url }: DemoServer,
  visitors: Map<string, Visitor>,
  { cluster, settled }: Demo,
  signal: AbortSignal,
): Promise<Taken> {
  const visitor = visitorCalled(step.visitor, visitors);
  const request = step.request.replace('{location}', visitor.location);
  const [method = '', path = ''] = request.split(' ');
  const nodeAt: NodeAtPort = (port) => cluster.nodes.find(({ serverPort }) => serverPort === port)?.name;
  try {
    if (step.settle) await settled(signal);
    if (step.forges !== undefined) visitor.forgeCookiesOf(visitorCalled(step.forges, visitors));
    const visit = await visitor.visit(url + path, method, step.form);
    return { framework, step, request, outcome: check(visit, step.expects, nodeAt) };
  } catch (error) {
    return { framework, step, request, outcome: unanswered(error) };
  }
}

function visitorCalled(name: string, visitors: Map<string, Visitor>): Visitor {
  const visitor = visitors.get(name) ?? new Visitor();
  visitors.set(name, visitor);
  return visitor;
}
