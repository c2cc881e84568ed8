import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { clusterConfigFields } from '../cluster-config-fields.ts';
import { DEFAULT_CLUSTER_CONFIG } from '../cluster-config.ts';
import { parseClusterName } from '../cluster-name.ts';
import type { Epoch } from '../epoch.ts';
import {
  parseSetClusterJson,
  setClusterToJson,
  type SetClusterPayload,
} from '../json/set-cluster.ts';
import { quote } from '../quote.ts';
import { pushAddressSlots, takeAddressSlots } from './address-slots.ts';
import type { AddressSlots, SetCluster } from './commands.ts';
import { compressJson, decompressJson } from './compress.ts';
import { takeConfig, type LenientConfig } from './config-words.ts';
import { encodeFlags, parseFlags } from './flags.ts';
import { DEFAULT_UMCTL_LIMITS, type UmctlLimits } from './limits.ts';
import {
  refuseWords,
  takeEpoch,
  takeWord,
  WordCursor,
  type UmctlErrorCode,
} from './word-cursor.ts';

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
  const { wordsMax, inflatedBytesMax } = { ...DEFAULT_UMCTL_LIMITS, ...limits };
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
  const payload = compress ? takeCompressed(cursor, inflatedBytesMax) : takePlain(cursor);
  return payload.ok ? accept(commandOf(epoch.value, force, payload.value)) : payload;
}

function commandOf(epoch: Epoch, force: boolean, payload: SetClusterPayload): SetCluster {
  return {
    epoch,
    force,
    clusterName: payload.clusterName,
    local: withSlots(payload.local),
    peers: withSlots(payload.peers),
    config: payload.config,
    configWarning: payload.configWarning,
  };
}

function withSlots(list: readonly AddressSlots[]): readonly AddressSlots[] {
  return list.filter(({ slots }) => slots.length > 0);
}

/** Words after the payload are ignored in this form, as the original does. */
function takeCompressed(
  cursor: WordCursor,
  inflatedBytesMax: number,
): Outcome<SetClusterPayload, UmctlErrorCode> {
  const text = takeWord(cursor, 'payload');
  if (!text.ok) return text;
  const json = decompressJson(text.value, inflatedBytesMax);
  if (!json.ok) return json;
  const payload = parseSetClusterJson(json.value, 'payload');
  return payload.ok ? payload : refuseWords(payload.message);
}

function takePlain(cursor: WordCursor): Outcome<SetClusterPayload, UmctlErrorCode> {
  const word = takeWord(cursor, 'cluster name');
  if (!word.ok) return word;
  const clusterName = parseClusterName(word.value);
  if (clusterName === null && word.value !== '') {
    return refuse(
      'InvalidClusterName',
      `cluster name ${quote(word.value)}: not up to 31 of A-Z a-z 0-9 @ - _`,
    );
  }
  const local = takeAddressSlots(cursor, 'local', isSectionWord);
  if (!local.ok) return local;
  let peers: readonly AddressSlots[] = [];
  let config: LenientConfig = { config: DEFAULT_CLUSTER_CONFIG, warning: null };
  // A section that is repeated replaces the earlier one.
  for (let section = cursor.next(); section !== undefined; section = cursor.next()) {
    if (isPeerWord(section)) {
      const part = takeAddressSlots(cursor, 'peer', isSectionWord);
      if (!part.ok) return part;
      peers = part.value;
    } else {
      const part = takeConfig(cursor, isSectionWord);
      if (!part.ok) return part;
      config = part.value;
    }
  }
  return accept({
    clusterName,
    local: local.value,
    peers,
    config: config.config,
    configWarning: config.warning,
  });
}

function isPeerWord(word: string): boolean {
  return /^peer$/i.test(word);
}

function isSectionWord(word: string): boolean {
  return isPeerWord(word) || /^config$/i.test(word);
}
