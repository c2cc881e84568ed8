export { ProxyError } from './errors.ts';
export type { ProxyErrorCode } from './errors.ts';
export type { ProxyServerOptions } from './options.ts';
export { createProxyServer } from './shell/proxy-server.ts';
export type { ProxyServer } from './shell/proxy-server.ts';
