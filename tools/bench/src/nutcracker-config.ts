/** One pool of nutcracker: where it listens and the Redis servers it spreads keys over. */
export interface Pool {
  readonly port: number;
  readonly redisPorts: readonly number[];
}

/** The configuration file of nutcracker. What is not named has its default, one connection per server included. */
export function nutcrackerConfig({ port, redisPorts }: Pool): string {
  return [
    'bench:',
    `  listen: 127.0.0.1:${port}`,
    '  redis: true',
    '  hash: fnv1a_64',
    '  distribution: modula',
    '  preconnect: true',
    '  auto_eject_hosts: false',
    '  backlog: 1024',
    '  servers:',
    ...redisPorts.map((redisPort) => `   - 127.0.0.1:${redisPort}:1`),
    '',
  ].join('\n');
}
