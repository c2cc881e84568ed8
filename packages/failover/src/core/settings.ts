/** The numbers that the coordinator's decisions depend on. All times are milliseconds. */
export interface CoordinatorSettings {
  /** Period of the rounds: broker inventory, inspection of each proxy, repeated probes of a dead one. */
  readonly tickMs: number;
  /** Pause between two probes of a proxy that answers. */
  readonly probeIntervalMs: number;
  /** Pause between two probes of a proxy that missed one. */
  readonly suspectIntervalMs: number;
  /** Misses at a smaller distance than this count as one. */
  readonly missSpacingMs: number;
  /** Misses without an answer in between that make a proxy reported. */
  readonly missesToReport: number;
  /** Unanswered probes of one proxy at a time. */
  readonly probesPerProxyMax: number;
  /** Pause between two reports of one dead proxy; the broker forgets a report after a while. */
  readonly reportIntervalMs: number;
  /** Share of failing proxies above which the coordinator doubts itself; 1 switches the brake off. */
  readonly massFailureRatio: number;
  /** Fewer failing proxies than this never set the brake. */
  readonly massFailureMin: number;
  /** How long a proxy may miss a Redis master before it is reported; 0 switches this off. */
  readonly redisDownMs: number;
  /** How much earlier than its master was missed a replica may have been complete for the last time. */
  readonly copyGapMs: number;
  /** A tick that comes this late means that this process stood still: running probes prove nothing. */
  readonly stallMs: number;
  readonly isFailoverDisabled: boolean;
  /** Wait at the broker for changes, besides the rounds. */
  readonly isWatching: boolean;
  /** Ask the broker for an epoch recovery when proxies are ahead of it. */
  readonly isEpochRecoveryAutomatic: boolean;
  /** How long a less urgent push waits for the more urgent ones of the same cluster. */
  readonly pushOrderWaitMs: number;
  /** First and longest pause before something refused is tried again. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Concurrency caps, over all proxies. */
  readonly probesMax: number;
  readonly inspectionsMax: number;
  readonly pushesMax: number;
  readonly commitsMax: number;
  readonly failoversMax: number;
  readonly reportsMax: number;
  /** Finished migrations remembered at a time. */
  readonly migrationsMax: number;
}

/** Settings that report a refused connection within 1.5 s, a frozen proxy within 4 s (2 s timeout). */
export const DEFAULT_SETTINGS: CoordinatorSettings = {
  tickMs: 1000,
  probeIntervalMs: 500,
  suspectIntervalMs: 250,
  missSpacingMs: 200,
  missesToReport: 3,
  probesPerProxyMax: 10,
  reportIntervalMs: 5000,
  massFailureRatio: 0.5,
  massFailureMin: 2,
  redisDownMs: 5000,
  copyGapMs: 10_000,
  stallMs: 1000,
  isFailoverDisabled: false,
  isWatching: true,
  isEpochRecoveryAutomatic: false,
  pushOrderWaitMs: 200,
  backoffMinMs: 1000,
  backoffMaxMs: 15_000,
  probesMax: 1024,
  inspectionsMax: 64,
  pushesMax: 32,
  commitsMax: 8,
  failoversMax: 8,
  reportsMax: 8,
  migrationsMax: 4096,
};
