import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { nodeFailure, plainError } from '../src/node-failure.js';

function fromServer(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('what the server said', 0, 'error'), { code });
}

function fromNode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('an error in connecting says of the server that it', () => {
  it.each(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND'])('is unreachable: %s', (code) => {
    expect(nodeFailure(fromNode(code))).toBe('unreachable');
  });

  it.each(['28000', '28P01', '3D000', '42501'])('rejects us: %s', (code) => {
    expect(nodeFailure(fromServer(code))).toBe('rejected');
  });

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'rejects us, or we it: %s',
    (code) => {
      expect(nodeFailure(fromNode(code))).toBe('rejected');
    },
  );

  it.each([
    'The server does not support SSL connections',
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
  ])('rejects us: %s', (message) => {
    expect(nodeFailure(new Error(message))).toBe('rejected');
  });

  it('is not ready: 57P03', () => {
    expect(nodeFailure(fromServer('57P03'))).toBe('not-ready');
  });

  it('is full: 53300', () => {
    expect(nodeFailure(fromServer('53300'))).toBe('full');
  });

  it.each([
    fromServer('57P01'),
    fromNode('ECONNRESET'),
    fromNode('EAI_AGAIN'),
    new Error('Connection terminated unexpectedly'),
    'no error at all',
  ])('gives no answer: %s', (error) => {
    expect(nodeFailure(error)).toBe('no-answer');
  });
});

describe('an error of an address that several machines share', () => {
  const shared = Object.assign(
    new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')]),
    {
      code: 'ECONNREFUSED',
    },
  );

  it('says what each of them has answered', () => {
    expect(plainError(shared)).toMatchObject({
      message: 'refused by ::1, refused by 127.0.0.1',
      cause: shared,
    });
  });

  it('means what it meant', () => {
    expect(nodeFailure(plainError(shared))).toBe('unreachable');
  });

  it('and any other stays as it is', () => {
    const error = new Error('lost');
    expect(plainError(error)).toBe(error);
  });
});
