import type { Invocation } from '../command-line.ts';
import type { Logins } from '../sight/inspector.ts';
import type { Credentials } from '../sight/node-probe.ts';

/** The variables of the proxies themselves, so that one environment does for both. */
export function loginsOf(env: Invocation['env']): Logins {
  const servers = credentialsOf(env['UNDERMOON_BACKEND_PASSWORD']);
  const username = env['UNDERMOON_BACKEND_USERNAME'] ?? null;
  return {
    proxies: credentialsOf(env['UNDERMOON_PASSWORD']),
    servers: servers === null ? null : { ...servers, username },
  };
}

function credentialsOf(password: string | undefined): Credentials | null {
  return password === undefined ? null : { username: null, password };
}
