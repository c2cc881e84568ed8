import { keySlotOf } from '@undermoon/slots';
import type { RedisServer } from '@undermoon/testkit';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { ALL_SLOTS, PATIENT, setCluster } from './fixture.ts';
import { HALVES } from './plain-fixture.ts';

const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);
/** Keys of the half of the slots that moves. */
export const high: readonly string[] = keys.filter((key) => keySlotOf(key) > 8191);
/** Keys of the other half. */
export const low: readonly string[] = keys.filter((key) => keySlotOf(key) <= 8191);

/** Three proxies with a plain port and one server each, which do not all know who has which half of the slots. */
export interface MovingSlots {
  readonly proxies: readonly ProxyServer[];
  /** Tells a proxy who has the halves: the indexes of proxies. */
  tell(proxy: number, lowOwner: number, highOwner: number): Promise<void>;
  /** The second proxy has given the upper half to the third; the first one does not know. */
  makeFirstOld(): Promise<void>;
  /** The third proxy has not heard yet that it has the upper half. */
  makeThirdOld(): Promise<void>;
  stop(): void;
}

/** `config`: that of the cluster. */
export async function startMovingSlots(
  servers: readonly RedisServer[],
  options: ProxyServerOptions = {},
  config: readonly (readonly [field: string, value: string])[] = [],
): Promise<MovingSlots> {
  const proxies = servers.map(() =>
    createProxyServer({
      ...PATIENT,
      address: '127.0.0.1:0',
      plainAddress: '127.0.0.1:0',
      ...options,
    }),
  );
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  let epoch = 1;
  const tell: MovingSlots['tell'] = async (proxy, lowOwner, highOwner) => {
    const owners: [number, string][] =
      lowOwner === highOwner
        ? [[lowOwner, ALL_SLOTS]]
        : [
            [lowOwner, HALVES[0]],
            [highOwner, HALVES[1]],
          ];
    const own = owners.filter(([owner]) => owner === proxy);
    const others = owners.filter(([owner]) => owner !== proxy);
    await setCluster(
      proxies[proxy]!,
      own.map(([, range]) => [servers[proxy]?.address ?? '', range]),
      {
        peers: others.map(([owner, range]) => [proxies[owner]?.address ?? '', range]),
        epoch: epoch++,
        config,
      },
    );
  };
  return {
    proxies,
    tell,
    async makeFirstOld() {
      await tell(0, 2, 1);
      await tell(1, 2, 2);
      await tell(2, 2, 2);
    },
    async makeThirdOld() {
      await tell(0, 1, 2);
      await tell(1, 1, 2);
      await tell(2, 1, 1);
    },
    stop() {
      for (const proxy of proxies) proxy.destroy();
    },
  };
}
