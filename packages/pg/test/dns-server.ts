import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** What the server has under a name. A number is the code of an error: 2 SERVFAIL, 3 NXDOMAIN. */
export interface DnsRecords {
  readonly A?: readonly string[] | number;
  readonly AAAA?: readonly string[] | number;
  readonly SRV?: readonly { priority: number; weight: number; port: number; target: string }[] | number;
}

/** A DNS server for one test: RFC 1035 as far as it is needed. */
export interface DnsServer extends AsyncDisposable {
  readonly address: string;
  /** What it has now, by name. */
  records: Readonly<Record<string, DnsRecords | 'silence'>>;
}

const types = { 1: 'A', 28: 'AAAA', 33: 'SRV' } as const;

export async function startDns(records: DnsServer['records']): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const server: DnsServer = {
    get address() {
      return `127.0.0.1:${(socket.address() as AddressInfo).port}`;
    },
    records,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
  socket.on('message', (query, { port, address }) => {
    const answer = reply(query, server.records);
    if (answer !== undefined) socket.send(answer, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return server;
}

function reply(query: Buffer, records: DnsServer['records']): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const found = records[labels.join('.').toLowerCase()] ?? { A: 3, AAAA: 3, SRV: 3 };
  if (found === 'silence') return undefined;
  const type = query.readUInt16BE(at + 1);
  const kind = type in types ? types[type as keyof typeof types] : undefined;
  const answers = kind === undefined ? [] : (found[kind] ?? []);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (typeof answers === 'number' ? answers : 0), 2);
  header.writeUInt16BE(1, 4);
  const data = typeof answers === 'number' ? [] : answers.map((answer) => encode(answer));
  header.writeUInt16BE(data.length, 6);
  return Buffer.concat([header, query.subarray(12, at + 5), ...data.map((one) => record(type, one))]);
}

/** A record under the name of the question, which begins at byte 12. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encode(answer: string | { priority: number; weight: number; port: number; target: string }): Buffer {
  if (typeof answer === 'string') {
    if (!answer.includes(':')) return Buffer.from(answer.split('.').map(Number));
    const [head = '', tail = ''] = answer.split('::');
    const [before, after] = [head, tail].map((part) => part.split(':').filter(Boolean)) as [
      string[],
      string[],
    ];
    const groups = [
      ...before,
      ...Array.from({ length: 8 - before.length - after.length }, () => '0'),
      ...after,
    ];
    return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
  }
  const { priority, weight, port, target } = answer;
  const numbers = Buffer.alloc(6);
  [priority, weight, port].forEach((value, index) => void numbers.writeUInt16BE(value, 2 * index));
  const name = target.split('.').filter(Boolean);
  const labels = name.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([numbers, ...labels, Buffer.of(0)]);
}
