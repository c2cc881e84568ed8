import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { parseClusterName } from '../cluster-name.ts';
import type { NodeAddress } from '../node-address.ts';
import type { ReplPeer, Role } from '../node.ts';
import { quote } from '../quote.ts';
import { finishSlices, SliceMeter, type Slices } from '../slices.ts';
import type { ReplEntry, SetRepl } from './commands.ts';
import { encodeFlags, parseFlags } from './flags.ts';
import { DEFAULT_UMCTL_LIMITS, type UmctlLimits } from './limits.ts';
import {
  refuseWords,
  takeAddress,
  takeCount,
  takeEpoch,
  takeWord,
  WordCursor,
  type UmctlErrorCode,
  type WordsOutcome,
} from './word-cursor.ts';
import { TextWords, type WordList } from './word-list.ts';

/** What an entry and a peer cost, in items of a slice. */
const ENTRY_WEIGHT = 4;
const PEER_WEIGHT = 3;

/** The words after `UMCTL SETREPL`, entries in the given order. */
export function encodeSetRepl(command: SetRepl): string[] {
  const words = [String(command.epoch), encodeFlags({ force: command.force, compress: false })];
  for (const { role, clusterName, nodeAddress, peers } of command.entries) {
    words.push(role, clusterName ?? '', nodeAddress, String(peers.length));
    for (const peer of peers) words.push(peer.nodeAddress, peer.proxyAddress);
  }
  return words;
}

/**
 * Reads the words after `UMCTL SETREPL`, decoded as UTF-8. Refuses a node that is named twice, since it
 * can have only one role; the message names the entry.
 */
export function parseSetRepl(
  words: readonly string[],
  limits: Partial<SetReplLimits> = {},
): Outcome<SetRepl, UmctlErrorCode> {
  return finishSlices(decodeSetRepl(new TextWords(words), limits, new SliceMeter()));
}

/** `parseSetRepl` in slices. */
export function* decodeSetRepl(
  words: WordList,
  limits: Partial<SetReplLimits>,
  meter: SliceMeter,
): Slices<Outcome<SetRepl, UmctlErrorCode>> {
  const { wordsMax, nodesMax } = { ...DEFAULT_UMCTL_LIMITS, ...limits };
  if (words.length > wordsMax) return refuseWords(`${words.length} words, over the limit`);
  const cursor = new WordCursor(words);
  const epoch = takeEpoch(cursor);
  if (!epoch.ok) return epoch;
  const flags = takeWord(cursor, 'flags');
  if (!flags.ok) return flags;
  const entries = yield* takeEntries(cursor, nodesMax, meter);
  if (!entries.ok) return entries;
  return accept({
    epoch: epoch.value,
    force: parseFlags(flags.value).force,
    entries: entries.value,
  });
}

type SetReplLimits = Pick<UmctlLimits, 'wordsMax' | 'nodesMax'>;

function* takeEntries(
  cursor: WordCursor,
  nodesMax: number,
  meter: SliceMeter,
): Slices<Outcome<readonly ReplEntry[], UmctlErrorCode>> {
  const entries: ReplEntry[] = [];
  const seen = new Set<NodeAddress>();
  let peerCount = 0;
  while (cursor.remaining > 0) {
    const entry = yield* takeEntry(cursor, nodesMax - peerCount, meter);
    if (!entry.ok) return refuse(entry.code, `entries[${entries.length}]: ${entry.message}`);
    const { nodeAddress, peers } = entry.value;
    if (seen.has(nodeAddress)) {
      return refuseWords(`entries[${entries.length}]: node ${nodeAddress} is named twice`);
    }
    seen.add(nodeAddress);
    entries.push(entry.value);
    peerCount += peers.length;
    if (meter.isFullAfter(ENTRY_WEIGHT)) yield;
  }
  return accept(entries);
}

function* takeEntry(
  cursor: WordCursor,
  peersMax: number,
  meter: SliceMeter,
): Slices<Outcome<ReplEntry, UmctlErrorCode>> {
  const role = takeRole(cursor);
  if (!role.ok) return role;
  const name = takeWord(cursor, 'cluster name');
  if (!name.ok) return name;
  const clusterName = parseClusterName(name.value);
  if (clusterName === null && name.value !== '') {
    return refuse('InvalidClusterName', `cluster name ${quote(name.value)}: not a cluster name`);
  }
  const node = takeAddress(cursor, 'node address');
  if (!node.ok) return node;
  const peers = yield* takePeers(cursor, peersMax, meter);
  if (!peers.ok) return peers;
  return accept({ role: role.value, clusterName, nodeAddress: node.value, peers: peers.value });
}

function takeRole(cursor: WordCursor): WordsOutcome<Role> {
  const word = takeWord(cursor, 'role');
  if (!word.ok) return word;
  if (/^master$/i.test(word.value)) return accept('master');
  if (/^replica$/i.test(word.value)) return accept('replica');
  return refuseWords(`role ${quote(word.value)}: not master or replica`);
}

function* takePeers(
  cursor: WordCursor,
  peersMax: number,
  meter: SliceMeter,
): Slices<WordsOutcome<readonly ReplPeer[]>> {
  const count = takeCount(cursor, 'peer count', 2);
  if (!count.ok) return count;
  if (count.value > peersMax) return refuseWords(`peer count ${count.value}: over the limit`);
  const peers: ReplPeer[] = [];
  for (let i = 0; i < count.value; i++) {
    const node = takeAddress(cursor, `peers[${i}]: node address`);
    if (!node.ok) return node;
    const proxy = takeAddress(cursor, `peers[${i}]: proxy address`);
    if (!proxy.ok) return proxy;
    peers.push({ nodeAddress: node.value, proxyAddress: proxy.value });
    if (meter.isFullAfter(PEER_WEIGHT)) yield;
  }
  return accept(peers);
}
