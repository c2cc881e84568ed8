import type { Port } from './port.ts';

/** A difference from the reference that is meant. */
export interface KnownDifference {
  readonly name: string;
  /** Why it is right. */
  readonly reason: string;
  /** Matches the text of the requests. */
  readonly request: RegExp;
  /** Matches our reply. */
  readonly ours: RegExp;
  /** Matches the reference's reply. */
  readonly theirs: RegExp;
  /** Requests that show the difference; without it the entry has to go. */
  readonly witness: readonly (readonly string[])[];
}

/** What differs on purpose on both ports. */
const COMMON_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'COMMAND GETKEYS and GETKEYSANDFLAGS with a bare command name',
    reason:
      'Redis 7.2 asks them for one argument less than 7.0, and finds the fault in what is given.',
    request: /^\[\d\] "?command"? "?getkeys/i,
    ours: /^-ERR (?:Invalid|The command has no key)/,
    theirs: /^-ERR wrong number of arguments for 'command\|getkeys/,
    witness: [['COMMAND', 'GETKEYS', 'get']],
  },
  {
    name: 'XREAD and XREADGROUP with an odd list of streams',
    reason: 'Redis 7.2 names the command and the id to use in this error, 7.0 says XREAD and $.',
    request: /\[\d\] "?xread/i,
    ours: /^(?:\*\d+\r\n[^]*)?-ERR Unbalanced 'xread/,
    theirs: /^(?:\*\d+\r\n[^]*)?-ERR Unbalanced XREAD list/,
    witness: [['XREAD', 'COUNT', '1', 'STREAMS', 'a']],
  },
  {
    name: 'CLIENT TRACKING in a transaction',
    reason:
      'It is a change of server connections, which cannot be made while commands for one of them are queued.',
    request: /client"? "?tracking/i,
    ours: /^-ERR 'CLIENT TRACKING in MULTI' is not available/,
    theirs: /^\+QUEUED/,
    witness: [['MULTI'], ['CLIENT', 'TRACKING', 'OFF']],
  },
];

const CLUSTER_DIFFERENCES: readonly KnownDifference[] = [
  ...COMMON_DIFFERENCES,
  {
    name: 'new subscriptions in a transaction',
    reason:
      'Redis puts several confirmations, or pushes, in the place of one element, which no client can read.',
    request: /\bp?subscribe/i,
    ours: /^-ERR 'P?SUBSCRIBE in MULTI' is not available/,
    theirs: /^\+QUEUED/,
    witness: [['MULTI'], ['SUBSCRIBE', 'a']],
  },
  {
    name: 'a count of keys that begins with a number but is none',
    reason:
      'Redis Cluster takes its first digits for the count when it looks for the slot, and may say CROSSSLOT.',
    request: /./,
    ours: /^-ERR (?:value is not an integer|numkeys should be greater|Invalid arguments)/,
    theirs: /^(?:-CROSSSLOT|\*\d)/,
    witness: [['EVAL', 'return 1', '2.5', 'a', 'b']],
  },
];

const PLAIN_DIFFERENCES: readonly KnownDifference[] = [
  ...COMMON_DIFFERENCES,
  {
    name: 'keys in different slots',
    reason:
      'Only MGET, MSET, DEL, UNLINK, EXISTS and TOUCH are split; outside of transactions all others need keys of one slot.',
    request: /./,
    ours: /^-CROSSSLOT Keys in request .*\{tag\}/,
    theirs: /^(?!-CROSSSLOT)/,
    witness: [['RENAME', 'a', 'b']],
  },
  {
    name: 'a transaction on keys of different shards',
    reason: 'EXEC is one request to one server.',
    request: /./,
    ours: /^-CROSSSLOT Keys in transaction .*\{tag\}/,
    theirs: /^\+(?:QUEUED|OK)/,
    witness: [['MULTI'], ['SET', 'a', '1'], ['SET', 'b', '2']],
  },
  {
    name: 'commands for all servers in a transaction',
    reason: 'EXEC is one request to one server.',
    request: /dbsize|flush|keys|randomkey|scan|histogram/i,
    ours: /^-ERR .*all servers/,
    theirs: /^\+QUEUED/,
    witness: [['MULTI'], ['DBSIZE']],
  },
];

/** What is allowed at a port. */
export function knownDifferencesAt(port: Port): readonly KnownDifference[] {
  return port === 'plain' ? PLAIN_DIFFERENCES : CLUSTER_DIFFERENCES;
}

/** The entry that allows two replies to the same request, or null. */
export function knownDifferenceOf(
  list: readonly KnownDifference[],
  text: string,
  ours: Buffer,
  theirs: Buffer,
): KnownDifference | null {
  const [a, b] = [ours.toString('latin1'), theirs.toString('latin1')];
  return (
    list.find((known) => known.request.test(text) && known.ours.test(a) && known.theirs.test(b)) ??
    null
  );
}
