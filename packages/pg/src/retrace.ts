/** Gives an error a stack that leads to the caller, as `pg` does, in place of one that leads to a socket. */
export function retrace(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error);
  throw error;
}
