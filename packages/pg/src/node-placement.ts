import { badOption } from '@node-replicated/core/adapter';
import { requireNumber } from './number-option.js';

/** What a node is to get of the reads. */
export interface NodePlacementOptions {
  /** How much it gets, compared with the others: from 1 to 100. @default 1 */
  readonly weight?: number;
  /** Where it stands. Reads stay in the pool's own `zone` while that has a replica with room. */
  readonly zone?: string;
}

/** Resolved {@link NodePlacementOptions}. */
export interface NodePlacement {
  readonly weight: number;
  readonly zone: string | undefined;
}

/** @throws ERR_OPTION */
export function resolvePlacement({ weight = 1, zone }: NodePlacementOptions): NodePlacement {
  requireNumber('weight', weight, 1, 100);
  requireZone(zone);
  return { weight, zone };
}

/** @throws ERR_OPTION when it is given, and no name */
export function requireZone(zone: unknown): void {
  if (zone !== undefined && (typeof zone !== 'string' || zone === ''))
    throw badOption('zone', 'must be a name');
}
