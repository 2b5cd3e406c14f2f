/** What the process would die of while a function runs. */
export async function uncaughtDuring(fn: () => void): Promise<readonly unknown[]> {
  const caught: unknown[] = [];
  const usual = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  fn();
  await new Promise((resolve) => setImmediate(resolve));
  process.removeAllListeners('uncaughtException');
  for (const listener of usual) process.on('uncaughtException', listener);
  return caught;
}
