/** What Patroni says of a member of its cluster. */
export interface PatroniMember {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** `leader`, `standby_leader`, `replica`, `sync_standby`, … */
  readonly role: string;
  /** Whether it leads, also in a cluster that follows another one. */
  readonly isLeader: boolean;
  /** `running`, `streaming`, `starting`, `stopped`, … */
  readonly state: string;
  /** The tags of its configuration. */
  readonly tags: Readonly<Record<string, unknown>>;
}

/** More members than this are taken for nonsense. */
const mostMembers = 256;

const namePattern = /^[^\s\p{C}]{1,255}$/u;
const hostPattern = /^[\w.:-]{1,255}$/;

/**
 * Reads the answer to Patroni's `GET /cluster`, the leader first. Members that do not say where they are, as while
 * they start for the first time, are left out.
 *
 * @throws an Error when it is none
 */
export function readMembers(answer: unknown): readonly PatroniMember[] {
  const { members } = asRecord(answer);
  if (!Array.isArray(members)) throw new Error('its answer is not that of a Patroni');
  if (members.length > mostMembers) throw new Error(`it names more than ${mostMembers} members`);
  const known = members.map(readMember).filter((member) => member !== undefined);
  if (new Set(known.map(({ name }) => name)).size < known.length) throw new Error('it names a member twice');
  return known.toSorted((a, b) => Number(b.isLeader) - Number(a.isLeader));
}

function readMember(value: unknown): PatroniMember | undefined {
  const { name, host, port, role, state, tags } = asRecord(value);
  if (host === undefined || port === undefined) return undefined;
  const place = Number(port);
  if (
    !fits(namePattern, name) ||
    !fits(hostPattern, host) ||
    !Number.isInteger(place) ||
    place < 1 ||
    place > 65_535
  ) {
    throw new Error('it names a member that cannot be');
  }
  return {
    name,
    host,
    port: place,
    role: String(role),
    isLeader: role === 'leader' || role === 'standby_leader',
    state: String(state),
    tags: Object.freeze(asRecord(tags)),
  };
}

function fits(pattern: RegExp, value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
