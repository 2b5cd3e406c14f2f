import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { type Failure, isServersAnswer, readFailure } from '../src/sqlstate.js';

function fromServer(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('what the server said', 0, 'error');
  error.code = code;
  return error;
}

function fromSystem(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'read', errno: -1 });
}

describe('what the server answers', () => {
  it.each<[string, Failure]>([
    ['25006', 'read-only'],
    ['0A000', 'not-here'],
    ['55000', 'not-here'],
    ['XX000', 'not-here'],
    ['40001', 'conflict'],
    ['40P01', 'conflict'],
    ['57P01', 'lost'],
    ['57P02', 'lost'],
    ['57P03', 'lost'],
    ['08006', 'lost'],
    ['08P01', 'lost'],
    ['57014', 'statement'],
    ['42P01', 'statement'],
    ['42501', 'statement'],
    ['23505', 'statement'],
    ['22012', 'statement'],
    ['25P02', 'statement'],
    ['55P03', 'statement'],
    ['', 'statement'],
  ])('%s is %s', (code, failure) => {
    expect(readFailure(fromServer(code))).toBe(failure);
  });
});

describe('what pg and the system say', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH', 'ENOENT'])(
    '%s is a lost connection',
    (code) => {
      expect(readFailure(fromSystem(code))).toBe('lost');
    },
  );

  it.each([
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
  ])('%j is a lost connection', (message) => {
    expect(readFailure(new Error(message))).toBe('lost');
  });

  it.each([
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
  ])('%j is a statement that was not sent', (message) => {
    expect(readFailure(new Error(message))).toBe('unsent');
  });

  it.each(['Query read timeout', 'Query values must be an array', ''])(
    '%j is the statement itself',
    (message) => {
      expect(readFailure(new Error(message))).toBe('statement');
    },
  );

  it("a statement's own words are not mistaken for a lost connection", () => {
    const error = fromServer('P0001');
    error.message = 'Connection terminated by a trigger';
    expect(readFailure(error)).toBe('statement');
  });

  it.each([undefined, null, 'text', 5, {}])('what is no error is the statement: %j', (thrown) => {
    expect(readFailure(thrown)).toBe('statement');
  });
});

describe('isServersAnswer', () => {
  it('is true of an error after which the connection goes on', () => {
    expect(isServersAnswer(fromServer('42P01'))).toBe(true);
    expect(isServersAnswer(fromServer('25006'))).toBe(true);
  });

  it('is false of an error that ends the connection, and of what the server did not say', () => {
    expect(isServersAnswer(fromServer('57P01'))).toBe(false);
    expect(isServersAnswer(fromSystem('ECONNRESET'))).toBe(false);
    expect(isServersAnswer(new Error('Query read timeout'))).toBe(false);
    expect(isServersAnswer(undefined)).toBe(false);
  });
});
