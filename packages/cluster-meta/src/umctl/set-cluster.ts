import type { Buffer } from 'node:buffer';
import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { clusterConfigFields } from '../cluster-config-fields.ts';
import { DEFAULT_CLUSTER_CONFIG } from '../cluster-config.ts';
import type { ListedReplica } from '../cluster.ts';
import { parseClusterName } from '../cluster-name.ts';
import type { Epoch } from '../epoch.ts';
import { readJson } from '../json/json-reader.ts';
import { decodeSetClusterJson, setClusterToJson, type PackedPayload } from '../json/set-cluster.ts';
import { quote } from '../quote.ts';
import { finishSlices, SliceMeter, type Slices } from '../slices.ts';
import { pushAddressSlots, takeAddressSlots } from './address-slots.ts';
import type { SetCluster } from './commands.ts';
import { compressJson, decodeBase64, inflate } from './compress.ts';
import { takeConfig, type LenientConfig } from './config-words.ts';
import { encodeFlags, parseFlags } from './flags.ts';
import { pushListedReplicas, takeListedReplicas } from './listed-replicas.ts';
import { DEFAULT_UMCTL_LIMITS, type UmctlLimits } from './limits.ts';
import { PackedSlots, unpackSetCluster, type PackedSetCluster } from './packed-slots.ts';
import {
  refuseWords,
  takeEpoch,
  takeWord,
  WordCursor,
  type UmctlErrorCode,
} from './word-cursor.ts';
import { TextWords, type WordList } from './word-list.ts';

const VERSION = 'v2';

/**
 * The words after `UMCTL SETCLUSTER`. The plain form has no room for an address without slots; the
 * compressed form keeps it as an empty list. Receivers must treat both alike.
 */
export function encodeSetCluster(
  command: SetCluster,
  options: { readonly compress: boolean },
): string[] {
  const { force } = command;
  const { compress } = options;
  const words = [VERSION, String(command.epoch), encodeFlags({ force, compress })];
  if (compress) {
    words.push(compressJson(setClusterToJson(command)));
    return words;
  }
  words.push(command.clusterName ?? '');
  pushAddressSlots(words, command.local);
  if (command.peers.some(({ slots }) => slots.length > 0)) {
    words.push('PEER');
    pushAddressSlots(words, command.peers);
  }
  pushListedReplicas(words, command.replicas);
  words.push('CONFIG');
  for (const [field, value] of clusterConfigFields(command.config)) words.push(field, value);
  return words;
}

/**
 * Reads the words after `UMCTL SETCLUSTER`, decoded as UTF-8. Ranges come out in normal form, and
 * addresses without slots are dropped, so that both forms of one command give one result. A CONFIG part
 * with unknown fields or invalid values is accepted with `configWarning` set; everything else that does
 * not fit the grammar is refused with a message that names the place.
 */
export function parseSetCluster(
  words: readonly string[],
  limits: Partial<UmctlLimits> = {},
): Outcome<SetCluster, UmctlErrorCode> {
  const meter = new SliceMeter();
  const decoded = finishSlices(decodeSetCluster(new TextWords(words), limits, meter));
  if (!decoded.ok) return decoded;
  const { value } = decoded;
  if (value.kind === 'whole') return accept(unpackSetCluster(value.command));
  const inflated = inflate(value.packed, value.inflatedBytesMax);
  if (!inflated.ok) return inflated;
  const command = finishSlices(decodeInflated(value, inflated.value, meter));
  return command.ok ? accept(unpackSetCluster(command.value)) : command;
}

/** What the words of a SETCLUSTER hold. */
export type DecodedSetCluster =
  | { readonly kind: 'whole'; readonly command: PackedSetCluster }
  /** The COMPRESS form: `packed` is to be inflated, by `inflateLater`, and given to `decodeInflated`. */
  | CompressedSetCluster;

/** A SETCLUSTER whose content is compressed. */
export interface CompressedSetCluster {
  readonly kind: 'compressed';
  readonly epoch: Epoch;
  readonly force: boolean;
  readonly packed: Uint8Array;
  readonly inflatedBytesMax: number;
  readonly nodesMax: number;
}

/** `parseSetCluster` in slices, up to the point where something has to be inflated. */
export function* decodeSetCluster(
  words: WordList,
  limits: Partial<UmctlLimits>,
  meter: SliceMeter,
): Slices<Outcome<DecodedSetCluster, UmctlErrorCode>> {
  const { wordsMax, inflatedBytesMax, nodesMax } = { ...DEFAULT_UMCTL_LIMITS, ...limits };
  if (words.length > wordsMax) return refuseWords(`${words.length} words, over the limit`);
  const cursor = new WordCursor(words);
  const version = takeWord(cursor, 'version');
  if (!version.ok) return version;
  if (version.value !== VERSION) {
    return refuse('InvalidVersion', `version ${quote(version.value)}: not ${VERSION}`);
  }
  const epoch = takeEpoch(cursor);
  if (!epoch.ok) return epoch;
  const flagsWord = takeWord(cursor, 'flags');
  if (!flagsWord.ok) return flagsWord;
  const { force, compress } = parseFlags(flagsWord.value);
  if (!compress) {
    const payload = yield* takePlain(cursor, nodesMax, meter);
    if (!payload.ok) return payload;
    return accept({ kind: 'whole', command: commandOf(epoch.value, force, payload.value) });
  }
  // Words after the payload are ignored in this form, as the original does.
  const text = cursor.nextBytes();
  if (text === null) return refuseWords('payload: missing');
  const packed = yield* decodeBase64(text, inflatedBytesMax, meter);
  if (!packed.ok) return packed;
  const shared = { epoch: epoch.value, force, inflatedBytesMax, nodesMax };
  return accept({ kind: 'compressed', ...shared, packed: packed.value });
}

/** The command of the COMPRESS form, from what its payload inflated to; in slices. */
export function* decodeInflated(
  head: CompressedSetCluster,
  inflated: Buffer,
  meter: SliceMeter,
): Slices<Outcome<PackedSetCluster, UmctlErrorCode>> {
  const json = yield* readJson(inflated, meter);
  if (!json.ok) return json;
  const place = { path: 'payload', nodesMax: head.nodesMax };
  const payload = yield* decodeSetClusterJson(json.value, place, meter);
  if (!payload.ok) return refuseWords(payload.message);
  return accept(commandOf(head.epoch, head.force, payload.value));
}

function commandOf(epoch: Epoch, force: boolean, payload: PackedPayload): PackedSetCluster {
  return { epoch, force, ...payload };
}

function* takePlain(
  cursor: WordCursor,
  nodesMax: number,
  meter: SliceMeter,
): Slices<Outcome<PackedPayload, UmctlErrorCode>> {
  const word = takeWord(cursor, 'cluster name');
  if (!word.ok) return word;
  const clusterName = parseClusterName(word.value);
  if (clusterName === null && word.value !== '') {
    return refuse(
      'InvalidClusterName',
      `cluster name ${quote(word.value)}: not up to 31 of A-Z a-z 0-9 @ - _`,
    );
  }
  const section = { name: 'local', nodesMax, isEnd: isSectionWord };
  const local = yield* takeAddressSlots(cursor, section, meter);
  if (!local.ok) return local;
  let peers = new PackedSlots();
  let replicas: readonly ListedReplica[] | null = null;
  let config: LenientConfig = { config: DEFAULT_CLUSTER_CONFIG, warning: null };
  // A section that is repeated replaces the earlier one.
  for (let part = cursor.next(); part !== undefined; part = cursor.next()) {
    if (meter.isFullAfter(1)) yield;
    if (isPeerWord(part)) {
      const taken = yield* takeAddressSlots(cursor, { ...section, name: 'peer' }, meter);
      if (!taken.ok) return taken;
      peers = taken.value;
    } else if (isReplicaWord(part)) {
      const taken = yield* takeListedReplicas(cursor, { ...section, name: 'replica' }, meter);
      if (!taken.ok) return taken;
      replicas = taken.value;
    } else {
      const taken = yield* takeConfig(cursor, isSectionWord, meter);
      if (!taken.ok) return taken;
      config = taken.value;
    }
  }
  return accept({
    clusterName,
    local: local.value,
    peers,
    replicas,
    config: config.config,
    configWarning: config.warning,
  });
}

function isPeerWord(word: string): boolean {
  return /^peer$/i.test(word);
}

function isReplicaWord(word: string): boolean {
  return /^replica$/i.test(word);
}

function isSectionWord(word: string): boolean {
  return isPeerWord(word) || isReplicaWord(word) || /^config$/i.test(word);
}
