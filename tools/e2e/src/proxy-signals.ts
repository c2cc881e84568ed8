import { askBroker } from './broker-http.ts';

/** Stops a process as a hung machine would: its connections stay open, nothing answers. Returns the time before the signal. */
export function freeze(pid: number): number {
  const at = performance.now();
  process.kill(pid, 'SIGSTOP');
  return at;
}

/** Lets a frozen process go on. Returns the time before the signal. */
export function thaw(pid: number): number {
  const at = performance.now();
  process.kill(pid, 'SIGCONT');
  return at;
}

/** The proxies that the broker marks as failed. */
export async function failedProxies(brokerUrl: string): Promise<readonly string[]> {
  const { json } = await askBroker(brokerUrl, 'GET', '/proxies/failed/addresses');
  return (json as { readonly addresses: readonly string[] }).addresses;
}
