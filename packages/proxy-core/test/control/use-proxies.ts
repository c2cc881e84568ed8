import { afterEach } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../../src/index.ts';

/** What a test started. */
export interface StartedProxies {
  start(options?: ProxyServerOptions): Promise<ProxyServer>;
  /** Called after the test, in the order in which they were given. */
  endWith(stop: () => unknown): void;
}

/** Proxies in no cluster that end after each test of a file. */
export function useProxies(): StartedProxies {
  const stops: (() => unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  return {
    async start(options = {}) {
      const proxy = createProxyServer({ address: '127.0.0.1:0', ...options });
      await proxy.listen();
      stops.push(() => proxy.destroy());
      return proxy;
    },
    endWith: (stop) => void stops.push(stop),
  };
}
