import { startCluster } from '@node-replicated/local-cluster';
import { expect, it } from 'vitest';
import { connectTo, insert, notesSchema, openPool } from './stage.js';

it('a server that is reached past the pool sees what the pool wrote', async () => {
  // The stage itself: without it the other files would prove nothing.
  const cluster = await startCluster({ replicas: 1 });
  try {
    await cluster.primary.query(notesSchema);
    const pool = await openPool(cluster);
    await pool.query(insert('seen'));
    const client = await connectTo(cluster.primary.directUrl);
    expect((await client.query('SELECT body, port FROM notes')).rows).toEqual([
      { body: 'seen', port: cluster.primary.serverPort },
    ]);
    await client.end();
    await pool.end();
  } finally {
    await cluster.stop();
  }
});
