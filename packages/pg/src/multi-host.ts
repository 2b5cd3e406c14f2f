import { badOption } from '@node-replicated/core/adapter';

/** A PostgreSQL URL: its scheme, user and password, hosts, and the rest. */
const urlPattern = /^(postgres(?:ql)?:\/\/)((?:[^/?#]*@)?)([^/?#]*)(.*)$/is;

/**
 * Splits a connection string that names several hosts, as libpq reads it, into one for each: hosts and their ports
 * stand beside each other (`postgresql://ada@h1:5432,h2/db`), or are lists of the query (`?host=h1,h2&port=5432`),
 * where one port holds for all. See "Specifying Multiple Hosts" in PostgreSQL's documentation of libpq.
 *
 * @throws ERR_OPTION when the lists do not fit each other
 */
export function splitHosts(url: string): readonly string[] {
  const [, scheme, user = '', hosts = '', rest = ''] = urlPattern.exec(url) ?? [];
  if (scheme === undefined) return [url];
  const [path = '', query = ''] = splitOnce(rest, '?');
  const parameters = new URLSearchParams(query);
  const host = parameters.get('host');
  const ports = parameters.get('port')?.split(',') ?? [];
  if (host?.includes(',')) {
    return pair(host.split(','), ports).map(([one, port]) => {
      parameters.set('host', one);
      if (port === undefined) parameters.delete('port');
      else parameters.set('port', port);
      return `${scheme}${user}${path || '/'}?${parameters}`;
    });
  }
  if (!hosts.includes(',')) return [url];
  return pair(hosts.split(','), ports).map(([one, port]) => {
    if (ports.length < 2) return `${scheme}${user}${one}${rest}`;
    parameters.set('port', port ?? '');
    return `${scheme}${user}${one}${path}?${parameters}`;
  });
}

/** Splits a list of connection strings at the commas between them, and not at those between hosts. */
export function splitUrls(urls = ''): readonly string[] {
  return urls
    .split(/,(?=[,\s]*(?:[a-z]+:\/\/|socket:|\/|$))/i)
    .map((url) => url.replace(/^[,\s]+|[,\s]+$/g, ''))
    .filter((url) => url !== '');
}

function pair(
  hosts: readonly string[],
  ports: readonly string[],
): readonly (readonly [string, string | undefined])[] {
  if (hosts.includes(''))
    throw badOption('connectionString', 'names several hosts, and one of them is empty');
  if (ports.length > 1 && ports.length !== hosts.length) {
    throw badOption('connectionString', `names ${hosts.length} hosts and ${ports.length} ports`);
  }
  return hosts.map((host, index) => [host, (ports.length > 1 ? ports[index] : ports[0]) || undefined]);
}

function splitOnce(text: string, mark: string): readonly [string, string?] {
  const index = text.indexOf(mark);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
