import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSetCluster, encodeSetRepl, parseSetCluster, parseSetRepl } from '../src/index.ts';
import { setCluster, setRepl } from './arbitraries.ts';
import { setClusterFaults, setReplFaults } from './invariants.ts';
import { MEMBER_SET_CLUSTER, MEMBER_SET_REPL } from './worked-example.ts';

const FOREIGN_WORDS = [
  '',
  'PEER',
  'config',
  'MIGRATING',
  'importing',
  'v2',
  '0',
  '1',
  '2',
  '999999999',
  '-1',
  '5-5',
  '16384-16384',
  '99-0',
  '1-',
  '10.0.0.1:1',
  'h',
  'master',
  'REPLICA',
  'COMPRESS',
  'FORCE',
  'migration_scan_count',
  '18446744073709551616',
  '\u0000',
  'ß',
  '\ud800',
];

/** Every command that differs from `words` in one word. */
function* oneWordOff(words: readonly string[]): Generator<string[]> {
  for (let at = 0; at <= words.length; at++) {
    const [before, after] = [words.slice(0, at), words.slice(at)];
    yield before;
    for (const word of FOREIGN_WORDS) yield [...before, word, ...after];
    const [current, ...rest] = after;
    if (current === undefined) continue;
    yield [...before, ...rest];
    yield [...before, current, current, ...rest];
    yield [...before, `${current}x`, ...rest];
    yield [...before, current.slice(0, -1), ...rest];
    for (const word of FOREIGN_WORDS) yield [...before, word, ...rest];
  }
}

const setClusterFaultsOf = (words: readonly string[]): string[] => {
  const outcome = parseSetCluster(words);
  return outcome.ok ? setClusterFaults(outcome.value) : [];
};

const setReplFaultsOf = (words: readonly string[]): string[] => {
  const outcome = parseSetRepl(words);
  return outcome.ok ? setReplFaults(outcome.value) : [];
};

describe('a command with one word wrong is refused, or keeps every invariant', () => {
  it('SETCLUSTER', () => {
    const variants = [...oneWordOff(MEMBER_SET_CLUSTER)];
    expect(variants.filter((words) => setClusterFaultsOf(words).length > 0)).toEqual([]);
    // Most of them are refused; the rest changed a setting, a number or a name into another valid one.
    const refused = variants.filter((words) => !parseSetCluster(words).ok);
    expect(refused.length).toBeGreaterThan(variants.length / 2);
  });

  it('SETREPL', () => {
    const variants = [...oneWordOff(MEMBER_SET_REPL)];
    expect(variants.filter((words) => setReplFaultsOf(words).length > 0)).toEqual([]);
    const refused = variants.filter((words) => !parseSetRepl(words).ok);
    expect(refused.length).toBeGreaterThan(variants.length / 2);
  });

  it('SETCLUSTER with a word of the slot maps lost is refused', () => {
    const configAt = MEMBER_SET_CLUSTER.indexOf('CONFIG');
    // Without PEER the peers are local addresses, which a proxy refuses since they are of other hosts.
    const peerAt = MEMBER_SET_CLUSTER.indexOf('PEER');
    const accepted = [...MEMBER_SET_CLUSTER.keys()].filter(
      (at) =>
        at > 3 &&
        at < configAt &&
        at !== peerAt &&
        parseSetCluster(MEMBER_SET_CLUSTER.toSpliced(at, 1)).ok,
    );
    expect(accepted).toEqual([]);
  });

  it('SETCLUSTER cut short within the slot maps is refused, unless it ends between two items', () => {
    const ends = [...MEMBER_SET_CLUSTER.keys()].filter(
      (end) => parseSetCluster(MEMBER_SET_CLUSTER.slice(0, end)).ok,
    );
    const wholeItems = [4, 7, 16, 17, 20, 29];
    expect(ends.filter((end) => end < 30)).toEqual(wholeItems);
  });
});

describe('commands with several words wrong', () => {
  const edits = fc.array(
    fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.array(fc.oneof(fc.constantFrom(...FOREIGN_WORDS), fc.string()), { maxLength: 3 }),
    }),
    { maxLength: 5 },
  );

  it('SETCLUSTER and SETREPL', () => {
    fc.assert(
      fc.property(setCluster, setRepl, edits, (cluster, repl, changes) => {
        const words = [encodeSetCluster(cluster, { compress: false }), encodeSetRepl(repl)];
        for (const list of words) {
          for (const { at, remove, insert } of changes) {
            list.splice(at % (list.length + 1), remove, ...insert);
          }
        }
        expect(setClusterFaultsOf(words[0]!)).toEqual([]);
        expect(setReplFaultsOf(words[1]!)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('words out of nothing', () => {
    const anyWords = fc.array(fc.oneof(fc.constantFrom(...FOREIGN_WORDS), fc.string()));
    fc.assert(
      fc.property(anyWords, (words) => {
        expect(setClusterFaultsOf(['v2', '1', ...words])).toEqual([]);
        expect(setReplFaultsOf(['1', 'NOFLAG', ...words])).toEqual([]);
      }),
    );
  });
});
