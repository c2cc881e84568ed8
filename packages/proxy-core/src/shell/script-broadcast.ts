import type { ProxyContext } from './proxy-context.ts';

// A script is in the servers by then, whatever a loop knows of it: so nobody waits until all loops have heard.

/** Notes, on every loop, a script that was loaded into every server. `digest` in lower case. */
export function noteLoadedEverywhere(context: ProxyContext, digest: string, body: Buffer): void {
  noteLoaded(context, digest, body);
  // A small Buffer is a part of a larger one, all of which would travel.
  const question = { kind: 'script-loaded', digest, body: new Uint8Array(body) } as const;
  context.loops.ask(question, () => undefined);
}

/** Forgets, on every loop, all scripts: they were removed from every server. */
export function forgetScriptsEverywhere(context: ProxyContext): void {
  forgetScripts(context);
  context.loops.ask({ kind: 'scripts-flushed' }, () => undefined);
}

/** Notes such a script on one loop. */
export function noteLoaded({ scripts, servers }: ProxyContext, digest: string, body: Buffer): void {
  scripts.add(digest, body);
  for (const group of servers) scripts.markLoaded(group, digest);
}

/** No script is loaded again for the sake of an EVALSHA. */
export function forgetScripts({ scripts, groups }: ProxyContext): void {
  scripts.clear();
  for (const group of groups) group.scripts.clear();
}
