import type { Logger } from '@undermoon/runtime';
import type { CoordinatorNotice } from '../core/notice.ts';

type Line = readonly [level: keyof Logger, message: string];

const LINES: Readonly<Record<CoordinatorNotice['kind'], Line>> = {
  'failure-reported': ['warn', 'proxy does not answer: reported to the broker'],
  'report-failed': ['warn', 'failure report did not reach the broker'],
  'server-missed': ['warn', 'proxy cannot reach a Redis master'],
  'server-reported': [
    'warn',
    'Redis master stays out of reach: its proxy is reported to the broker',
  ],
  'server-failover-withheld': [
    'error',
    'Redis master stays out of reach, and its proxy is not failed over',
  ],
  'server-settled': ['info', 'proxy misses no Redis master any more'],
  'server-brake-set': [
    'error',
    'Redis masters of most proxies are missed at once: no proxy is reported for them',
  ],
  'server-brake-released': ['warn', 'enough Redis masters are reached again'],
  'proxy-returned': ['info', 'proxy answers again'],
  'proxy-restarted': ['info', 'proxy has lost its metadata: sending it again'],
  'failover-done': ['warn', 'failed over'],
  'failover-failed': ['error', 'failover refused or lost: trying again'],
  'metadata-pushed': ['info', 'metadata delivered'],
  'metadata-warning': ['warn', 'proxy took metadata with a warning'],
  'push-failed': ['warn', 'metadata not delivered: trying again'],
  'migration-committed': ['info', 'migration committed'],
  'commit-failed': ['warn', 'migration not committed: trying again'],
  'inspection-failed': ['warn', 'proxy did not tell its epoch or its finished migrations'],
  'brake-set': ['error', 'most proxies fail at once: reports and failovers are suspended'],
  'brake-released': ['warn', 'enough proxies answer again: reports and failovers go on'],
  'broker-unreachable': ['error', 'broker does not answer: reports are suspended'],
  'broker-reachable': ['info', 'broker answers again'],
  'broker-watched': ['info', 'broker tells changes as they are made'],
  'broker-watch-lost': ['warn', 'broker tells no changes: asking for them in rounds'],
  'broker-read-failed': ['warn', 'could not read from the broker'],
  'broker-went-back': ['error', 'broker has an older epoch than before: run an epoch recovery'],
  'epoch-ahead': ['error', 'proxy has newer metadata than the broker: run an epoch recovery'],
  'epoch-caught-up': ['info', 'broker has caught up with the epoch of the proxy'],
  'epoch-recovery': ['warn', 'asked the broker for an epoch recovery'],
  stalled: ['warn', 'this process stood still: running probes are not counted'],
};

/** Writes one line for a notice. */
export function logNotice(logger: Logger, notice: CoordinatorNotice): void {
  const { kind, ...fields } = notice;
  const [level, message] = LINES[kind];
  logger[level]({ event: kind, ...fields }, message);
}
