import { setTimeout as delay } from 'node:timers/promises';

import { BrokerClientError } from '@undermoon/broker-api/client';
import type { ClusterName } from '@undermoon/cluster-meta';

import type { Inspector } from '../sight/inspector.ts';
import type { Snapshot } from '../sight/snapshot.ts';
import { HealthFollower, metadataEvents, type UpEvent } from './events.ts';

/** What a watch needs. */
export interface WatchParts {
  readonly inspector: Inspector;
  readonly cluster: ClusterName;
  readonly signal: AbortSignal;
  readonly onEvent: (event: UpEvent) => void;
  /** Told of each look; null while the broker cannot be asked. */
  readonly onLook: (snapshot: Snapshot | null) => void;
}

const INTERVAL_MS = 500;

/** Looks at the cluster again and again and tells what changed, until the signal. */
export async function watchCluster(parts: WatchParts): Promise<void> {
  const { inspector, cluster, signal, onEvent, onLook } = parts;
  const health = new HealthFollower(cluster);
  let last: Snapshot | null = null;
  let isBrokerLost = false;
  while (!signal.aborted) {
    const seen = await lookOnce(inspector);
    if (signal.aborted) return;
    if (typeof seen === 'string') {
      if (!isBrokerLost) onEvent({ event: 'broker-unreachable', reason: seen });
      isBrokerLost = true;
      onLook(null);
    } else {
      if (isBrokerLost) onEvent({ event: 'broker-reachable' });
      isBrokerLost = false;
      onLook(seen);
      if (last !== null) metadataEvents(last, seen, cluster).forEach(onEvent);
      health.follow(seen, Date.now()).forEach(onEvent);
      last = seen;
    }
    await pause(signal);
  }
}

async function lookOnce(inspector: Inspector): Promise<Snapshot | string> {
  try {
    return await inspector.look();
  } catch (error) {
    if (error instanceof BrokerClientError) return error.message;
    throw error;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await delay(INTERVAL_MS, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
