import type { RequestScanner } from '@undermoon/resp';
import { isMonitored, monitorLine } from '../core/monitor-line.ts';
import type { AllLoops, Client, Monitoring } from './proxy-context.ts';
import type { TurnEnd, TurnFlush } from './turn-flush.ts';

/** Lines leave before the end of a turn when there are so many bytes of them. */
const GATHERED_BYTES_MAX = 262_144;

/** MONITOR on one loop: gathers its commands for all clients that monitor, on whichever loop they are. */
export class CommandMonitor implements Monitoring, TurnFlush {
  readonly #loop: TurnEnd;
  /** Clients of this loop. */
  readonly #clients = new Set<Client>();
  /** Clients of all loops. */
  #count = 0;
  #lines: Buffer[] = [];
  #bytes = 0;
  #loops: AllLoops | null = null;

  constructor(loop: TurnEnd) {
    this.#loop = loop;
  }

  get isOn(): boolean {
    return this.#count > 0;
  }

  add(client: Client): void {
    if (this.#clients.has(client)) return;
    this.#clients.add(client);
    client.context.loops.ask({ kind: 'monitors', change: 1 }, () => undefined);
  }

  delete(client: Client): void {
    if (!this.#clients.delete(client)) return;
    client.context.loops.ask({ kind: 'monitors', change: -1 }, () => undefined);
  }

  onChange(change: number): void {
    this.#count += change;
  }

  onLines(lines: Uint8Array): void {
    for (const client of this.#clients) client.push(lines);
  }

  lineOf(client: Client, scanner: RequestScanner, bytes: Buffer): Buffer | null {
    if (!isMonitored(bytes, scanner, client.session.isAuthenticated)) return null;
    const atMs = client.context.clock.now();
    return monitorLine(bytes, scanner, { atMs, peer: client.peer });
  }

  show(client: Client, line: Buffer): void {
    if (this.#lines.length === 0) this.#loop.flushAtTurnEnd(this);
    this.#loops = client.context.loops;
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#bytes >= GATHERED_BYTES_MAX) this.flushTurn();
  }

  flushTurn(): void {
    if (this.#lines.length === 0) return;
    // Memory of its own: it may go to other threads.
    const lines = new Uint8Array(Buffer.concat(this.#lines));
    this.#lines = [];
    this.#bytes = 0;
    this.#loops?.ask({ kind: 'monitored', lines }, () => undefined);
  }
}
