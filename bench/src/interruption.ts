/**
 * A signal that is aborted when somebody interrupts the process, so that what is open can be closed. A second
 * interruption ends the process as usual.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`Interrupted by ${name}.`)));
  }
  return controller.signal;
}
