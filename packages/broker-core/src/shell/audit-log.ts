import { AUDIT_TEXT_LENGTH_MAX, type AuditEntry, type AuditQuery } from '@undermoon/broker-api';
import type { Clock } from '@undermoon/runtime';
import type { AuditFile } from './audit-file.ts';
import type { AuditedCommand, Mutation } from './mutation.ts';

export interface AuditLogOptions {
  readonly clock: Clock;
  /** Entries kept in memory, which is what can be queried. */
  readonly entriesMax: number;
  /** Null: in memory only. */
  readonly file: AuditFile | null;
}

/** Every mutation: who asked for what, and what came of it. The latest ones can be queried. */
export class AuditLog {
  readonly #options: AuditLogOptions;
  /** Oldest first. */
  #entries: AuditEntry[] = [];
  #nextId = 1;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Reads what the file has; entries go on from there. Fails with AUDIT_UNREADABLE. */
  async open(): Promise<void> {
    const { file, entriesMax } = this.#options;
    if (file === null) return;
    this.#entries = await file.open(entriesMax);
    this.#nextId = (this.#entries.at(-1)?.id ?? 0) + 1;
  }

  /** Takes note of a mutation. Does not wait for the file. */
  add({ command, origin, outcome, epochBefore, epochAfter }: Mutation): void {
    const { clock, entriesMax, file } = this.#options;
    const entry: AuditEntry = {
      id: this.#nextId++,
      time: clock.now(),
      command: command.kind,
      ...subjectOf(command),
      outcome,
      epochBefore,
      epochAfter,
      requestId: origin?.requestId ?? null,
      remoteAddress: origin?.remoteAddress ?? null,
      userAgent: origin?.userAgent ?? null,
    };
    this.#entries.push(entry);
    // Cut in larger pieces, so that an entry costs no copy of the whole.
    if (this.#entries.length >= entriesMax * 1.25 + 1) {
      this.#entries = this.#entries.slice(-entriesMax);
    }
    file?.append(entry);
  }

  /** Entries that fit the query, the newest one first. */
  list(query: AuditQuery): AuditEntry[] {
    const found: AuditEntry[] = [];
    const oldest = Math.max(0, this.#entries.length - this.#options.entriesMax);
    for (let at = this.#entries.length - 1; at >= oldest && found.length < query.limit; at--) {
      const entry = this.#entries[at];
      if (entry === undefined || (query.since !== null && entry.time < query.since)) break;
      if (fits(entry, query)) found.push(entry);
    }
    return found;
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    await this.#options.file?.close();
  }
}

function fits(entry: AuditEntry, query: AuditQuery): boolean {
  return (
    (query.before === null || entry.id < query.before) &&
    (query.cluster === null || entry.cluster === query.cluster) &&
    (query.proxy === null || entry.proxy === query.proxy) &&
    (query.command === null || entry.command === query.command) &&
    (query.outcome === null || entry.outcome === query.outcome)
  );
}

// Commands name what they are about in members of these names.
function subjectOf(
  command: AuditedCommand,
): Pick<AuditEntry, 'cluster' | 'proxy' | 'reporter' | 'detail'> {
  const task = 'task' in command ? command.task.clusterName : null;
  return {
    cluster: 'name' in command ? command.name : task,
    proxy: 'address' in command ? command.address : null,
    reporter: 'reporterId' in command ? command.reporterId : null,
    detail: detailOf(command)?.slice(0, AUDIT_TEXT_LENGTH_MAX) ?? null,
  };
}

function detailOf(command: AuditedCommand): string | null {
  if ('nodeNumber' in command) return `node_number=${command.nodeNumber}`;
  if ('task' in command) return `range_list=${JSON.stringify(command.task.slots.ranges)}`;
  switch (command.kind) {
    case 'change-config':
      return command.changes.map(([key, value]) => `${key}=${value}`).join(' ');
    case 'set-config':
      return `replica_addresses=${command.replicaAddresses.join(',')}`;
    case 'set-epoch':
      return `epoch=${command.epoch}`;
    default:
      return null;
  }
}
