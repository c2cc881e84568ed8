const REASONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'address already in use'],
  ['EACCES', 'permission denied'],
  ['EADDRNOTAVAIL', 'this machine does not have that address'],
  ['ENOTFOUND', 'the host name is not known'],
  ['EAI_AGAIN', 'the host name cannot be resolved at the moment'],
]);

const CAUSES_MAX = 8;

/**
 * Says why a server did not start: "cannot listen on 127.0.0.1:5299: address already in use" when the
 * error, or one that it wraps, is about its address, and the error's own message otherwise.
 */
export function startFailureText(address: string, error: unknown): string {
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth++) {
    const code: unknown = 'code' in cause ? cause.code : undefined;
    const reason = typeof code === 'string' ? REASONS.get(code) : undefined;
    if (reason !== undefined && isAboutListening(cause)) {
      return `cannot listen on ${address}: ${reason}`;
    }
    cause = cause.cause;
  }
  return error instanceof Error ? error.message : String(error);
}

// A file that cannot be opened has codes such as EACCES too.
function isAboutListening(error: Error): boolean {
  const syscall: unknown = 'syscall' in error ? error.syscall : undefined;
  return syscall === 'listen' || syscall === 'bind' || syscall === 'getaddrinfo';
}
