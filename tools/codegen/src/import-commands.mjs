// Refreshes data/commands.json from a running Redis server:
//   node tools/codegen/src/import-commands.mjs [port] [host]
// Needs redis-cli in PATH. A 7.0 server is brought to 7.2 with data/changes-7.2.json. Only facts are
// taken (names, arities, flags, key positions); the words in docs/commands.md are our own.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const DATA = new URL('../data/', import.meta.url);
const [port = '6379', host = '127.0.0.1'] = process.argv.slice(2);

const version = /redis_version:(\d+\.\d+)/.exec(askText('INFO', 'server'))?.[1];
if (version !== '7.0' && version !== '7.2') {
  throw new Error(
    `${host}:${port} is version ${version}; the table is that of 7.2, so use 7.0 or 7.2`,
  );
}
const docs = new Map();
collectDocs(askJson('COMMAND', 'DOCS'));
const commands = {};
for (const entry of askJson('COMMAND')) addEntry(entry);
if (version === '7.0') applyChanges(readJson('changes-7.2.json'));

const sorted = Object.fromEntries(
  Object.entries(commands).toSorted(([left], [right]) => (left < right ? -1 : 1)),
);
writeFileSync(new URL('commands.json', DATA), `${JSON.stringify(sorted, null, 2)}\n`);
console.log(`wrote ${Object.keys(sorted).length} commands and subcommands`);

function addEntry([name, arity, flags, first, last, step, acl, tips, specs, subcommands]) {
  const doc = docs.get(name);
  const fact = { arity, flags: flags.join(' '), keys: `${first} ${last} ${step}` };
  fact.specs = specs.map(specText).join('; ');
  fact.acl = acl.map((category) => category.slice(1)).join(' ');
  fact.tips = tips.join(' ');
  fact.group = doc.group;
  fact.since = doc.since;
  if (doc.deprecated_since !== undefined) fact.deprecated = doc.deprecated_since;
  commands[name] = fact;
  for (const subcommand of subcommands) addEntry(subcommand);
}

/** One key spec as `<flags> | <how the first key is found> | <how the others follow>`. */
function specText({ flags, begin_search: begin, find_keys: find }) {
  return `${flags.join(' ')} | ${methodText(begin)} | ${methodText(find)}`;
}

function methodText({ type, spec }) {
  return [type, ...Object.values(spec)].join(' ');
}

function collectDocs(entries) {
  for (const [name, doc] of Object.entries(entries)) {
    docs.set(name, doc);
    if (doc.subcommands !== undefined) collectDocs(doc.subcommands);
  }
}

function applyChanges({ add, change }) {
  for (const [name, fact] of Object.entries(add)) {
    if (name in commands) throw new Error(`changes-7.2.json adds '${name}', which 7.0 has`);
    commands[name] = fact;
  }
  for (const [name, fields] of Object.entries(change)) {
    if (!(name in commands)) throw new Error(`changes-7.2.json changes '${name}', which 7.0 lacks`);
    Object.assign(commands[name], fields);
  }
}

function readJson(name) {
  return JSON.parse(readFileSync(new URL(name, DATA), 'utf8'));
}

function askText(...words) {
  const options = { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 };
  return execFileSync('redis-cli', ['-h', host, '-p', port, ...words], options);
}

function askJson(...words) {
  return JSON.parse(askText('--json', ...words));
}
