// Joins data/commands.json (facts) and data/policy.json (what the proxy does with each command) into
// one row per command and subcommand, and refuses data that does not fit together.
import { readFileSync } from 'node:fs';

const DATA = new URL('../data/', import.meta.url);

/** The order of the lists in a COMMAND reply, and so the order of the bits. */
export const SERVER_FLAGS = words(
  'write readonly denyoom admin pubsub noscript blocking loading stale skip_monitor skip_slowlog',
  'asking fast no_auth no_async_loading no_multi allow_busy no_mandatory_keys movablekeys',
);
export const ACL_CATEGORIES = words(
  'keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin',
  'fast slow blocking dangerous connection transaction scripting',
);
export const KEY_FLAGS = words(
  'RO RW OW RM access update insert delete not_key incomplete variable_flags',
);
const VERDICTS = ['forward', 'dedicated', 'fanout', 'answer', 'refuse'];

/** Rows sorted by name, each container followed by its subcommands; the index of a row is its id. */
export function readRows() {
  const facts = readJson('commands.json');
  const policy = readJson('policy.json');
  const all = { ...facts, ...policy.own };
  const verdicts = verdictsOf(policy);
  const names = Object.keys(all).toSorted(byContainer);
  const rows = names.map((name) => rowOf(name, all[name], policy));
  for (const row of rows) {
    row.subcommands = rows.filter((sub) => sub.parent === row.name);
    if (!(row.name in policy.containers) && !row.isHelp)
      Object.assign(row, take(verdicts, row.name));
  }
  for (const row of rows) if (row.subcommands.length > 0) settleContainer(row);
  if (verdicts.size > 0)
    fail(`policy.json names unknown commands: ${[...verdicts.keys()].join(', ')}`);
  return rows;
}

/** Text of each refusal, in the order of the reason numbers. */
export function readReasons() {
  return Object.entries(readJson('policy.json').reasons);
}

function rowOf(name, fact, policy) {
  const parent = name.includes('|') ? name.slice(0, name.indexOf('|')) : null;
  const [first, last, step] = fact.keys.split(' ').map(Number);
  const row = { name, parent, arity: fact.arity, first, last, step };
  row.flags = inOrder(name, words(fact.flags), SERVER_FLAGS);
  row.acl = words(fact.acl).toSorted(byIndexIn(ACL_CATEGORIES));
  if (row.acl.some((category) => !ACL_CATEGORIES.includes(category))) fail(`${name}: ACL category`);
  row.tips = words(fact.tips);
  row.specs = fact.specs === '' ? [] : fact.specs.split('; ').map((text) => specOf(name, text));
  row.group = fact.group;
  row.since = fact.since;
  row.deprecated = fact.deprecated ?? '';
  row.condition = policy.conditions[name] ?? '';
  row.dedicatedWhen = policy.dedicatedWhen[name] ?? '';
  row.isHelp = name.endsWith('|help');
  if (name in policy.containers) row.summary = policy.containers[name];
  else if (row.isHelp) row.summary = 'Lists the subcommands';
  row.isOwn = name in policy.own;
  return row;
}

function specOf(name, text) {
  const [flags, begin, find] = text.split(' | ');
  const [beginKind, ...beginValues] = begin.split(' ');
  const [findKind, ...findValues] = find.split(' ');
  return {
    flags: inOrder(name, words(flags), KEY_FLAGS),
    begin: { kind: beginKind, values: beginValues },
    find: { kind: findKind, values: findValues.map(Number) },
  };
}

function verdictsOf(policy) {
  const verdicts = new Map();
  const add = (name, value) => {
    if (verdicts.has(name)) fail(`policy.json has two verdicts for '${name}'`);
    verdicts.set(name, value);
  };
  for (const verdict of VERDICTS.filter((word) => word !== 'refuse')) {
    for (const [name, summary] of Object.entries(policy[verdict])) add(name, { verdict, summary });
  }
  for (const [reason, names] of Object.entries(policy.refuse)) {
    if (!(reason in policy.reasons)) fail(`policy.json refuses for an unknown reason '${reason}'`);
    for (const name of names) add(name, { verdict: 'refuse', reason, summary: '' });
  }
  return verdicts;
}

/**
 * A container's verdict is the best of its subcommands' (COMMAND, which runs alone too, has its own).
 * HELP is answered unless the whole container is refused.
 */
function settleContainer(row) {
  const subs = row.subcommands.filter((sub) => !sub.isHelp);
  const best = subs.toSorted(
    (a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict),
  )[0];
  row.verdict ??= best.verdict;
  row.reason ??= best.reason;
  for (const help of row.subcommands.filter((sub) => sub.isHelp)) {
    help.verdict = row.verdict === 'refuse' ? 'refuse' : 'answer';
    help.reason = row.reason;
  }
}

function take(verdicts, name) {
  const verdict = verdicts.get(name) ?? fail(`policy.json has no verdict for '${name}'`);
  verdicts.delete(name);
  return verdict;
}

function inOrder(name, list, order) {
  if (list.some((word) => !order.includes(word))) fail(`${name}: unknown word in '${list}'`);
  return list.toSorted(byIndexIn(order));
}

function byIndexIn(order) {
  return (left, right) => order.indexOf(left) - order.indexOf(right);
}

function byContainer(left, right) {
  // '|' sorts after '_' and '-', but a subcommand belongs right behind its container.
  return left.replace('|', '\u0001') < right.replace('|', '\u0001') ? -1 : 1;
}

function words(...texts) {
  return texts.join(' ').split(' ').filter(Boolean);
}

function readJson(name) {
  return JSON.parse(readFileSync(new URL(name, DATA), 'utf8'));
}

function fail(message) {
  throw new Error(message);
}
