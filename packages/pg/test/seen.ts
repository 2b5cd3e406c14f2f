import type { NodeDescription, Position } from '@node-replicated/core/cluster';

/** What a monitor says of a replica that it has seen at a moment. */
export function seen(observedAt: number, position?: Position): NodeDescription {
  return {
    node: 'replica',
    state: 'up',
    role: 'replica',
    position,
    timeline: 1,
    systemIdentifier: '7',
    streaming: true,
    hint: undefined,
    roundTripMs: 1,
    lagMs: 0,
    observedAt,
    failures: 0,
    error: undefined,
    failure: undefined,
  };
}
