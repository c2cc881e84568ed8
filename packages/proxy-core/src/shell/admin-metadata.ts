import type { Buffer } from 'node:buffer';
import {
  decodeInflated,
  decodeSetCluster,
  decodeSetRepl,
  finishSlices,
  hostOf,
  inflateLater,
  packSetCluster,
  parseSetCluster,
  parseSetRepl,
  SliceMeter,
  type PackedSetCluster,
  type SetRepl,
  type Slices,
} from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { checkGate, type GateRefusal } from '../core/epoch-gate.ts';
import { routingTableSlices } from '../core/routing-table.ts';
import type { ControlRequest } from './control-request.ts';
import type { ControlCall, ControlState } from './control-state.ts';
import { wordsFrom, writeError } from './admin-words.ts';
import type { SliceRunner } from './slice-runner.ts';

/** UMCTL SETCLUSTER, all of it at once. */
export function setCluster(state: ControlState, { args, writer }: ControlCall): void {
  const words = wordsFrom(args, 2);
  if (typeof words === 'number') {
    return writeError(writer, clusterFault(`InvalidArgs: word ${words}: not UTF-8`));
  }
  const parsed = parseSetCluster(words);
  if (!parsed.ok) return writeError(writer, clusterFault(`${parsed.code}: ${parsed.message}`));
  const command = packSetCluster(parsed.value);
  writer.raw(finishSlices(installCluster(state, command, new SliceMeter())));
}

/** The same in slices, between which the data path goes on. The table is swapped in the last one. */
export async function setClusterInSlices(
  state: ControlState,
  request: ControlRequest,
  runner: SliceRunner,
): Promise<Buffer> {
  const words = request.words();
  const badWord = words.firstNotUtf8();
  if (badWord >= 0) return errorBytes(clusterFault(`InvalidArgs: word ${badWord + 2}: not UTF-8`));
  const { meters } = state;
  const decoded = await runner.run(decodeSetCluster(words, {}, meters.of('decode')));
  if (!decoded.ok) return errorBytes(clusterFault(`${decoded.code}: ${decoded.message}`));
  if (decoded.value.kind === 'whole') {
    return runner.run(installCluster(state, decoded.value.command, meters.of('table')));
  }
  const { packed, inflatedBytesMax } = decoded.value;
  const inflated = await inflateLater(packed, inflatedBytesMax);
  const command = inflated.ok
    ? await runner.run(decodeInflated(decoded.value, inflated.value, meters.of('json')))
    : inflated;
  if (!command.ok) return errorBytes(clusterFault(`${command.code}: ${command.message}`));
  return runner.run(installCluster(state, command.value, meters.of('table')));
}

function* installCluster(
  state: ControlState,
  command: PackedSetCluster,
  meter: SliceMeter,
): Slices<Buffer> {
  const { announceAddress, logger } = state.options;
  const { epoch, force, clusterName, local } = command;
  const localCount = local.addresses().size;
  if (localCount > state.localNodesMax) {
    return errorBytes(clusterFault(`InvalidArgs: ${nodesFault(state, localCount)}`));
  }
  const early = clusterRefusal(state, command);
  if (early !== null) return refuse(state, early);
  const table = yield* routingTableSlices(command, announceAddress, meter);
  // The swap, which runs much code for the first time, has a turn of its own, and what follows another.
  yield;
  // Other metadata may have been installed between two slices.
  const refusal = clusterRefusal(state, command);
  if (refusal !== null) return refuse(state, refusal);
  state.setTable(table);
  yield;
  logger.info({ epoch, clusterName, force }, 'accepted cluster metadata');
  if (command.configWarning === null) return new RespWriter().simple('OK').take();
  logger.warn({ epoch, reason: command.configWarning }, 'ignored invalid cluster config');
  return new RespWriter().simple('WARNING: ignored invalid config').take();
}

function clusterRefusal(
  state: ControlState,
  { epoch, force, local }: PackedSetCluster,
): GateRefusal | null {
  return checkGate(
    { epoch, force, localAddresses: [...local.addresses()] },
    { epoch: state.table.epoch, announceAddress: state.options.announceAddress },
  );
}

/** UMCTL SETREPL, all of it at once. */
export function setRepl(state: ControlState, { args, writer }: ControlCall): void {
  const words = wordsFrom(args, 2);
  if (typeof words === 'number') return writeError(writer, replFault(`word ${words}: not UTF-8`));
  const parsed = parseSetRepl(words);
  if (parsed.ok) writer.raw(installRoles(state, parsed.value));
  else writeError(writer, replFault(parsed.message));
}

/** The same, read in slices. */
export async function setReplInSlices(
  state: ControlState,
  request: ControlRequest,
  runner: SliceRunner,
): Promise<Buffer> {
  const words = request.words();
  const badWord = words.firstNotUtf8();
  if (badWord >= 0) return errorBytes(replFault(`word ${badWord + 2}: not UTF-8`));
  const decoded = await runner.run(decodeSetRepl(words, {}, state.meters.of('decode')));
  return decoded.ok ? installRoles(state, decoded.value) : errorBytes(replFault(decoded.message));
}

function installRoles(state: ControlState, { epoch, force, entries }: SetRepl): Buffer {
  if (entries.length > state.localNodesMax) {
    return errorBytes(replFault(nodesFault(state, entries.length)));
  }
  const refusal = checkGate(
    { epoch, force, localAddresses: entries.map(({ nodeAddress }) => nodeAddress) },
    { epoch: state.replicationEpoch, announceAddress: state.options.announceAddress },
  );
  if (refusal !== null) return refuse(state, refusal);
  state.replicationEpoch = epoch;
  state.setRoles(entries);
  state.options.logger.info({ epoch, force }, 'accepted replication metadata');
  return new RespWriter().simple('OK').take();
}

function refuse(state: ControlState, refusal: GateRefusal): Buffer {
  if (refusal === 'ERR_NOT_MY_META') {
    const announceHost = hostOf(state.options.announceAddress);
    state.options.logger.warn({ announceHost }, 'refused metadata for servers of another host');
  }
  return errorBytes(refusal);
}

function clusterFault(reason: string): string {
  return `Failed to parse args: ${reason}`;
}

function replFault(reason: string): string {
  return `Invalid arguments: ${reason}`;
}

function nodesFault(state: ControlState, count: number): string {
  return `${count} nodes: at most ${state.localNodesMax} (localNodesMax)`;
}

function errorBytes(text: string): Buffer {
  const writer = new RespWriter();
  writeError(writer, text);
  return writer.take();
}
