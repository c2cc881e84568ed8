import { setTimeout as wait } from 'node:timers/promises';
import {
  freePorts,
  startEtcd,
  startFaultRelay,
  startProgram,
  type EtcdCluster,
  type FaultRelay,
  type RunningProgram,
} from '@undermoon/testkit';
import { programFile } from '../programs.ts';
import { seededRandom, type SeededRandom } from '@undermoon/testkit';
import { until } from '../until.ts';
import { Ledger, type LedgerCounts } from './ledger.ts';
import { dumpOf, Load } from './load.ts';

/** How long etcd faults run. */
export interface EtcdFaultOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly note: (line: string) => void;
}

/** What etcd faults went through without a failure. */
export interface EtcdFaultCounts extends LedgerCounts {
  readonly rounds: Readonly<Record<string, number>>;
  /** From the loss of the leader (killed, stopped, cut off) to the first change that another broker takes. */
  readonly takeoverMs: { readonly median: number; readonly max: number };
  /** The longest time from any other fault to the next change. */
  readonly otherGapMsMax: number;
}

const BROKERS = 3;
const MEMBERS = 3;
const WRITERS = 4;
const CLOCK_JUMPS = new URL('clock-jumps.mjs', import.meta.url).href;
const READY_MS_MAX = 30_000;
const LEADER_FAULTS: ReadonlySet<string> = new Set([
  'leader killed',
  'leader stopped',
  'leader cut off from etcd',
]);

const FAULTS = [
  'leader killed',
  'leader stopped',
  'leader cut off from etcd',
  'follower killed',
  'member killed',
  'member frozen',
  'members slow',
  'all members stopped',
] as const;
type Fault = (typeof FAULTS)[number];

interface BrokerPart {
  readonly port: number;
  readonly url: string;
  /** To each member of etcd; nobody else's. */
  readonly relays: readonly FaultRelay[];
  program: RunningProgram | null;
}

/**
 * Three brokers on three members of etcd under load; kills, stops, cuts off, delays one or the other. Fails at
 * the first change that is lost or made twice, and at the first difference between brokers.
 */
export async function runEtcdFaults(options: EtcdFaultOptions): Promise<EtcdFaultCounts> {
  const etcd = await startEtcd(MEMBERS);
  const drill = new EtcdDrill(etcd, options);
  try {
    return await drill.run();
  } catch (error) {
    options.note(drill.logTails());
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${options.seed}: ${reason}`, { cause: error });
  } finally {
    await drill.stop();
    await etcd[Symbol.asyncDispose]();
  }
}

class EtcdDrill {
  readonly #etcd: EtcdCluster;
  readonly #options: EtcdFaultOptions;
  readonly #random: SeededRandom;
  readonly #ledger = new Ledger();
  readonly #brokers: BrokerPart[] = [];
  readonly #rounds: Record<string, number> = {};
  readonly #takeovers: number[] = [];
  #otherGapMsMax = 0;

  constructor(etcd: EtcdCluster, options: EtcdFaultOptions) {
    this.#etcd = etcd;
    this.#options = options;
    this.#random = seededRandom(options.seed).fork('etcd');
  }

  async run(): Promise<EtcdFaultCounts> {
    for (const port of await freePorts(BROKERS)) await this.#addBroker(port);
    for (let round = 0; round < this.#options.rounds; round++) {
      const fault = FAULTS[round % FAULTS.length] ?? 'leader killed';
      const gapMs = await this.#round(fault);
      this.#options.note(`${fault}: next change after ${Math.round(gapMs)} ms`);
    }
    const sorted = this.#takeovers.toSorted((left, right) => left - right);
    return {
      ...this.#ledger.counts,
      rounds: this.#rounds,
      takeoverMs: {
        median: Math.round(sorted[sorted.length >> 1] ?? 0),
        max: Math.round(sorted.at(-1) ?? 0),
      },
      otherGapMsMax: Math.round(this.#otherGapMsMax),
    };
  }

  logTails(): string {
    return this.#brokers
      .map(({ url, program }) => `${url}\n${program?.stderr.slice(-2000)}`)
      .join('\n');
  }

  async stop(): Promise<void> {
    for (const { program, relays } of this.#brokers) {
      program?.kill('SIGCONT');
      await program?.[Symbol.asyncDispose]();
      for (const relay of relays) await relay.close();
    }
  }

  async #addBroker(port: number): Promise<void> {
    const relays = await Promise.all(
      this.#etcd.members.map(({ relay }) => startFaultRelay({ target: { port: relay.port } })),
    );
    const broker: BrokerPart = { port, url: `http://127.0.0.1:${port}`, relays, program: null };
    this.#brokers.push(broker);
    await this.#start(broker);
  }

  async #start(broker: BrokerPart): Promise<void> {
    broker.program = startProgram(
      programFile('undermoon-broker'),
      [
        `--address=127.0.0.1:${broker.port}`,
        '--storage-type=etcd',
        `--etcd-endpoints=${broker.relays.map(({ address }) => address).join(',')}`,
        '--etcd-timeout=500',
        '--log-level=warn',
      ],
      { env: this.#random.chance(0.5) ? { NODE_OPTIONS: `--import=${CLOCK_JUMPS}` } : {} },
    );
    await broker.program.firstLine;
  }

  async #round(fault: Fault): Promise<number> {
    await this.#untilAllReady();
    const load = new Load({
      ledger: this.#ledger,
      random: this.#random,
      brokers: this.#brokers.map(({ url }) => url),
      writers: WRITERS,
    });
    await load.made(20 + this.#random.int(60));
    const struckAt = performance.now();
    const struck = await this.#strike(fault);
    const gapMs = await this.#untilMade(struck.witness, struckAt);
    await load.made(20);
    await struck.heal();
    await load.made(20);
    await load.stop();
    await this.#check();
    this.#rounds[fault] = (this.#rounds[fault] ?? 0) + 1;
    if (LEADER_FAULTS.has(fault)) this.#takeovers.push(gapMs);
    else this.#otherGapMsMax = Math.max(this.#otherGapMsMax, gapMs);
    return gapMs;
  }

  /** The time from `since` to the first change that a broker which was not hit takes. */
  async #untilMade(witness: BrokerPart, since: number): Promise<number> {
    const probe = new Load({
      ledger: this.#ledger,
      random: this.#random,
      brokers: [witness.url],
      writers: 1,
    });
    await probe.made(1);
    const gapMs = performance.now() - since;
    await probe.stop();
    return gapMs;
  }

  // One change after all others, so that one which is still on its way cannot be made any more.
  async #check(): Promise<void> {
    await this.#untilAllReady();
    const load = new Load({
      ledger: this.#ledger,
      random: this.#random,
      brokers: this.#brokers.map(({ url }) => url),
      writers: 1,
    });
    await load.made(1);
    await load.stop();
    const dumps = await Promise.all(this.#brokers.map(({ url }) => dumpOf(url)));
    for (const dump of dumps) {
      if (JSON.stringify(dump) !== JSON.stringify(dumps[0])) throw new Error('brokers differ');
    }
    this.#ledger.check(dumps[0]);
  }

  async #untilAllReady(): Promise<void> {
    for (const { url } of this.#brokers) {
      await until(
        `${url} is ready`,
        async () => (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })).ok,
        { timeoutMs: READY_MS_MAX },
      );
    }
    await this.#leader();
  }

  async #leader(): Promise<BrokerPart> {
    return until(
      'a broker leads',
      async () => {
        const url = await leaderUrl(this.#etcd.endpoints);
        return this.#brokers.find((broker) => broker.url === url);
      },
      { timeoutMs: READY_MS_MAX, intervalMs: 20 },
    );
  }

  async #strike(fault: Fault): Promise<Struck> {
    const leader = await this.#leader();
    const [follower = leader, other = leader] = this.#brokers.filter((broker) => broker !== leader);
    const member = this.#random.pick(this.#etcd.members);
    switch (fault) {
      case 'leader killed':
        return { heal: await this.#kill(leader), witness: follower };
      case 'follower killed':
        return { heal: await this.#kill(follower), witness: other };
      case 'leader stopped':
        leader.program?.kill('SIGSTOP');
        return { heal: () => leader.program?.kill('SIGCONT'), witness: follower };
      case 'leader cut off from etcd':
        for (const relay of leader.relays) relay.freeze();
        return { heal: () => leader.relays.forEach((relay) => relay.thaw()), witness: follower };
      case 'member killed':
        await member.kill();
        return { heal: () => member.start(), witness: follower };
      case 'member frozen':
        member.relay.freeze();
        return { heal: () => member.relay.thaw(), witness: follower };
      case 'members slow':
        for (const { relay } of this.#etcd.members) relay.delay(100);
        return {
          heal: () => this.#etcd.members.forEach(({ relay }) => relay.delay(0)),
          witness: follower,
        };
      case 'all members stopped':
        for (const each of this.#etcd.members) each.signal('SIGSTOP');
        await wait(1500);
        for (const each of this.#etcd.members) each.signal('SIGCONT');
        return { heal: () => undefined, witness: follower };
    }
  }

  async #kill(broker: BrokerPart): Promise<() => Promise<void>> {
    broker.program?.kill('SIGKILL');
    await broker.program?.ended;
    return () => this.#start(broker);
  }
}

interface Struck {
  heal(): Promise<void> | void;
  /** A broker that the fault did not hit itself. */
  readonly witness: BrokerPart;
}

// Straight from etcd: what the brokers believe is what is tested.
async function leaderUrl(endpoints: readonly string[]): Promise<string | null> {
  for (const endpoint of endpoints) {
    try {
      const response = await fetch(`${endpoint}/v3/kv/range`, {
        method: 'POST',
        signal: AbortSignal.timeout(1000),
        body: JSON.stringify({ key: Buffer.from('/undermoon/leader').toString('base64') }),
      });
      const { kvs = [] } = (await response.json()) as { kvs?: { value: string }[] };
      const [entry] = kvs;
      if (entry === undefined) return null;
      const value = JSON.parse(Buffer.from(entry.value, 'base64').toString()) as { url: string };
      return value.url;
    } catch {
      // The next member.
    }
  }
  return null;
}
