import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';

/** The user as whom applications connect, which a test may shut out. The cluster's own user stays. */
export const appUser = 'app';
export const appPassword = 'right';

/** Makes that user. */
export async function createAppUser(cluster: LocalCluster): Promise<void> {
  await cluster.primary.query(`CREATE ROLE ${appUser} LOGIN PASSWORD '${appPassword}'`);
  await cluster.primary.query(`GRANT pg_monitor TO ${appUser}`);
  await cluster.primary.query(`GRANT ALL ON SCHEMA public TO ${appUser}`);
  await cluster.primary.query(`ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ${appUser}`);
}

/** A node's address for that user. */
export function appUrl({ port }: { readonly port: number }, password: string = appPassword): string {
  return `postgresql://${appUser}:${password}@127.0.0.1:${port}/postgres`;
}

/**
 * Puts rules in front of those by which a server lets in who connects (`pg_hba.conf`), and gives a function that
 * takes them away again.
 */
export async function addAccessRules(
  node: LocalNode,
  ...rules: readonly string[]
): Promise<() => Promise<void>> {
  const { rows } = await node.query<{ file: string; text: string }>(
    "SELECT current_setting('hba_file') AS file, pg_read_file(current_setting('hba_file')) AS text",
  );
  const [{ file, text }] = rows as [{ file: string; text: string }];
  await writeOnServer(node, file, [...rules, text].join('\n'));
  await node.query('SELECT pg_reload_conf()');
  return async () => {
    await writeOnServer(node, file, text);
    await node.query('SELECT pg_reload_conf()');
  };
}

/** Writes a file as the server itself, which alone may write into its folder. */
export async function writeOnServer(node: LocalNode, file: string, text: string): Promise<void> {
  const lines = text.split('\n').map((line) => `('${line.replaceAll("'", "''")}')`);
  await node.query(`COPY (VALUES ${lines.join(', ')}) TO PROGRAM 'umask 077; cat > "${file}"'`);
}

/** Runs a command of a shell as the server itself, in its folder. */
export async function runOnServer(node: LocalNode, command: string): Promise<void> {
  await node.query(`COPY (SELECT) TO PROGRAM '${command.replaceAll("'", "''")}'`);
}
