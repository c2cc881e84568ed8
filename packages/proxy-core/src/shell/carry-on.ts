import { RequestScanner } from '@undermoon/resp';
import { keySlot } from '@undermoon/slots';
import { findKeys, KeyPositions } from '../core/command-keys.ts';
import { hasFlag, isScriptCall, resolveCommand } from '../core/command-lookup.ts';
import { COMMAND_FLAG } from '../core/command-table.generated.ts';
import type { LostUnit } from '../core/lost-commands.ts';
import {
  execAbortReply,
  REPLY_CROSSSLOT,
  REPLY_SLOT_DOWN,
  REPLY_TRANSACTION_APART,
} from '../core/replies.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { lossReply } from './loss-reply.ts';
import { failedUnit, type FailedReply } from './lost-replies.ts';
import type { Client, ProxyContext } from './proxy-context.ts';
import { loadInto } from './script-loading.ts';
import { slotRefusal } from './slot-refusal.ts';

/** Where a reply comes from: a server, or it is known. */
type Place = BackendConnection | Buffer;

/** A client whose commands are carried out anew. */
export interface Carrier extends ReplySink {
  readonly whole: Client;
  /** This client's connection to a server. */
  connectionTo(group: BackendGroup, protocol: 2 | 3): BackendConnection;
  /** The last `places.length` replies that `source` owes this client come from there instead, in that order. */
  reassign(source: BackendConnection, places: readonly Place[]): void;
}

/**
 * Carries out the last commands that `source` owes a client replies to, by the routing table as it is now. The order of
 * its replies stays as it is, and so does that of the commands for one server.
 */
export function carryOn(
  carrier: Carrier,
  source: BackendConnection,
  units: readonly LostUnit<ReplySink>[],
  failed: FailedReply<ReplySink>[],
): void {
  const router = new Router(carrier.whole.context.options.limits);
  const places: Place[] = [];
  // Those that stay with their connection are told again.
  for (const { sink } of units) sink.forgetLast?.();
  for (const unit of units) {
    if (unit.sink.replan?.() === true) continue;
    const place = sendAgain(carrier, source, unit, router);
    const isKnown = place instanceof Uint8Array;
    if (unit.sink.isPart !== true) places.push(place);
    else if (isKnown) failed.push(failedUnit(unit));
  }
  if (places.some((place) => place !== source)) carrier.reassign(source, places);
}

function sendAgain(
  carrier: Carrier,
  source: BackendConnection,
  unit: LostUnit<ReplySink>,
  router: Router,
): Place {
  const { context } = carrier.whole;
  const routes = unit.sink.isPart === true ? (context.splitBy ?? context) : context;
  const route = router.find(routes, unit);
  // Parts without keys are for the servers of the client's port.
  const { groups } = route.target === null ? context : routes;
  const group = route.refusal === null ? groupOf(groups, source, route.target) : undefined;
  if (group === undefined) return route.refusal ?? REPLY_SLOT_DOWN;
  const { protocol, isPeer } = source.options;
  const isSame = group.connections().includes(source);
  const connection = isSame ? source : carrier.connectionTo(group, protocol);
  // Values are as its servers store them, or as another proxy expects them.
  const isOtherForm = context.compression !== null && connection.options.isPeer !== isPeer;
  if (isOtherForm) return lossReply(source, failedUnit(unit).loss);
  if (route.hasSeveralSlots && connection.options.isPeer) {
    return unit.sink.sendPacked?.(connection) === true ? connection : REPLY_CROSSSLOT;
  }
  if (route.digest !== '') loadInto(carrier.whole, group, connection, route.digest);
  if (resendOver(carrier, connection, unit)) return connection;
  return lossReply(connection, failedUnit(unit).loss);
}

/** Commands for other proxies are kept by what takes their replies: those may be redirections. */
function resendOver(
  carrier: Carrier,
  connection: BackendConnection,
  unit: LostUnit<ReplySink>,
): boolean {
  const { whole } = carrier;
  const { sink, bytes, count } = unit;
  if (sink !== carrier && sink.forgetLast === undefined) return connection.resend(unit);
  if (!connection.options.isPeer) return connection.resend({ ...unit, sink: carrier });
  const replies = whole.context.redirects.repliesOf(whole, connection);
  if (!connection.resend({ ...unit, sink: replies })) return false;
  replies.keep(bytes, 0, bytes.length, count);
  return true;
}

/** Without keys a command stays with its server. */
function groupOf(
  groups: readonly BackendGroup[],
  source: BackendConnection,
  target: number | null,
): BackendGroup | undefined {
  if (target !== null) return groups[target];
  return groups.find(({ address }) => address === source.options.address);
}

/** What the routing table says about commands. */
interface Route {
  /** The server; null: any. */
  readonly target: number | null;
  readonly refusal: Buffer | null;
  /** The keys are in more than one, all of them at the target. */
  readonly hasSeveralSlots: boolean;
  /** The script that is run by its digest; empty: none. */
  readonly digest: string;
}

class Router {
  readonly #scanner: RequestScanner;
  readonly #keys = new KeyPositions();

  constructor(limits: ProxyContext['options']['limits']) {
    this.#scanner = new RequestScanner(limits);
  }

  find(context: ProxyContext, { bytes, count }: LostUnit<ReplySink>): Route {
    const scanner = this.#scanner;
    const slots = new Set<number>();
    let digest = '';
    let needsOwner = false;
    for (let pos = 0; pos < bytes.length;) {
      pos = scanner.scan(bytes, pos, bytes.length);
      if (pos < 0) break;
      const id = resolveCommand(bytes, scanner);
      if (id < 0 || findKeys(id, bytes, scanner, this.#keys) <= 0) continue;
      this.#addSlots(bytes, slots);
      needsOwner ||= !hasFlag(id, COMMAND_FLAG.READONLY);
      if (isScriptCall(id)) {
        digest = bytes.toString('latin1', scanner.argStart[1], scanner.argEnd[1]).toLowerCase();
      }
    }
    const hasSeveralSlots = slots.size > 1;
    const [slot] = slots;
    if (slot === undefined) return { target: null, refusal: null, hasSeveralSlots, digest };
    // Only what reads is answered from copies.
    const table = needsOwner ? context.owners : context.table;
    const target = table.slots[slot] ?? -1;
    const isTogether = [...slots].every((other) => table.slots[other] === target);
    const apart = count > 1 ? execAbortReply(REPLY_TRANSACTION_APART) : REPLY_CROSSSLOT;
    const refusal = slotRefusal(context, slot, needsOwner) ?? (isTogether ? null : apart);
    return { target, refusal, hasSeveralSlots, digest };
  }

  #addSlots(bytes: Buffer, slots: Set<number>): void {
    const { argStart, argEnd } = this.#scanner;
    for (let i = 0; i < this.#keys.count; i++) {
      const index = this.#keys.indexes[i] ?? 0;
      slots.add(keySlot(bytes, argStart[index] ?? 0, argEnd[index] ?? 0));
    }
  }
}
