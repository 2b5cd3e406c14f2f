import { describe, expect, it } from 'vitest';
import { splitHosts, splitUrls } from '../src/multi-host.js';

describe('a connection string', () => {
  it.each([
    ['with one host is itself', 'postgresql://ada@h1:5433/db?a=b', ['postgresql://ada@h1:5433/db?a=b']],
    ['that is a socket is itself', '/var/run db', ['/var/run db']],
    ['that is no PostgreSQL URL is itself', 'socket:/run?db=x,y', ['socket:/run?db=x,y']],
    [
      'with hosts and ports is one for each',
      'postgresql://ada@h1:5433,h2:5434/db',
      ['postgresql://ada@h1:5433/db', 'postgresql://ada@h2:5434/db'],
    ],
    ['gives its port to no other host', 'postgres://h1,h2:5434', ['postgres://h1', 'postgres://h2:5434']],
    [
      'with IPv6 addresses in brackets',
      'postgresql://ada:x@[::1]:5433,[2001:db8::7]/db',
      ['postgresql://ada:x@[::1]:5433/db', 'postgresql://ada:x@[2001:db8::7]/db'],
    ],
    [
      'keeps a comma of a password, and one of the query',
      'postgresql://ada:a,b@h1,h2/db?options=-c%20a=1,2',
      ['postgresql://ada:a,b@h1/db?options=-c%20a=1,2', 'postgresql://ada:a,b@h2/db?options=-c%20a=1,2'],
    ],
    [
      'takes one port for all from the query',
      'postgresql://ada@h1,h2/db?port=5433',
      ['postgresql://ada@h1/db?port=5433', 'postgresql://ada@h2/db?port=5433'],
    ],
    [
      'takes a port for each host from the query',
      'postgresql://ada@h1,h2/db?port=1,2&a=b',
      ['postgresql://ada@h1/db?port=1&a=b', 'postgresql://ada@h2/db?port=2&a=b'],
    ],
    [
      'takes hosts from the query',
      'postgresql://ada@/db?host=h1,h2&port=1,2&a=b',
      ['postgresql://ada@/db?host=h1&port=1&a=b', 'postgresql://ada@/db?host=h2&port=2&a=b'],
    ],
    [
      'takes hosts from the query, with one port for all',
      'postgresql:///db?host=h1,h2&port=5433',
      ['postgresql:///db?host=h1&port=5433', 'postgresql:///db?host=h2&port=5433'],
    ],
    [
      'with an empty port in a list leaves it to the default',
      'postgresql:///db?host=h1,h2&port=,5433',
      ['postgresql:///db?host=h1', 'postgresql:///db?host=h2&port=5433'],
    ],
    [
      'with a socket among its hosts',
      'postgresql://%2Frun%2Fpg,h2/db',
      ['postgresql://%2Frun%2Fpg/db', 'postgresql://h2/db'],
    ],
  ])('%s', (_, url, hosts) => {
    expect(splitHosts(url)).toEqual(hosts);
  });

  it.each([
    ['an empty host', 'postgresql://ada:hunter2@h1,/db'],
    ['an empty host in the query', 'postgresql://ada:hunter2@/db?host=h1,,h2'],
    ['other ports than hosts', 'postgresql://ada:hunter2@h1,h2/db?port=1,2,3'],
  ])('with %s is ERR_OPTION, without its password', (_, url) => {
    expect(() => splitHosts(url)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
    expect(() => splitHosts(url)).toThrow(/^connectionString: (?!.*hunter2)/);
  });
});

describe('a list of connection strings', () => {
  it.each([
    [undefined, []],
    ['', []],
    [' , ', []],
    ['postgresql://a , postgresql://b,', ['postgresql://a', 'postgresql://b']],
    ['postgresql://a,,postgres://b', ['postgresql://a', 'postgres://b']],
    ['postgresql://a:1,b:2/x,postgresql://c', ['postgresql://a:1,b:2/x', 'postgresql://c']],
    ['postgresql://a,/run/pg db', ['postgresql://a', '/run/pg db']],
    ['postgresql://a,socket:/run/pg', ['postgresql://a', 'socket:/run/pg']],
  ])('%j', (urls, list) => {
    expect(splitUrls(urls)).toEqual(list);
  });
});
