// Renders the rows as packages/proxy-core/src/core/command-table.generated.ts.
import { ACL_CATEGORIES, KEY_FLAGS, readReasons, SERVER_FLAGS } from './read-data.mjs';

const VERDICT = { FORWARD: 0, ANSWER: 1, REFUSE: 2, DEDICATED: 3, FANOUT: 4 };
const KEY_FINDER = { NONE: 0, FIXED: 1, RANGE: 2, SPECS: 3, SORT: 4, MIGRATE: 5, SUBCOMMAND: 6 };
const BEGIN = { index: 0, keyword: 1, unknown: 2 };
const FIND = { range: 0, keynum: 1, unknown: 2 };
// Own flags follow the server's, which are 19 today.
const OWN_FLAGS = { HAS_SUBCOMMANDS: 2 ** 24, TRANSACTION: 2 ** 25, HAS_CONDITION: 2 ** 26 };

/** Lists of text and of numbers with one entry per command: name, type, and the entry for a row. */
const TEXT_COLUMNS = [
  ['COMMAND_NAMES', (row) => row.name],
  ['COMMAND_SUMMARIES', (row) => row.summary],
  ['COMMAND_SINCE', (row) => row.since],
  ['COMMAND_DEPRECATED_SINCE', (row) => row.deprecated],
];
const NUMBER_COLUMNS = [
  ['COMMAND_PARENT', 'Int16Array', (row, { ids }) => ids.get(row.parent) ?? -1],
  ['SUBCOMMAND_COUNT', 'Uint8Array', (row) => row.subcommands.length],
  ['COMMAND_ARITY', 'Int16Array', (row) => row.arity],
  ['COMMAND_FLAGS', 'Uint32Array', flagBits],
  ['COMMAND_ACL', 'Uint32Array', (row) => bits(row.acl, ACL_CATEGORIES)],
  ['COMMAND_VERDICT', 'Uint8Array', (row) => VERDICT[row.verdict.toUpperCase()]],
  ['COMMAND_REASON', 'Int8Array', (row, { reasons }) => reasons.indexOf(row.reason)],
  ['COMMAND_GROUP', 'Uint8Array', (row, { groups }) => groups.indexOf(row.group)],
  ['COMMAND_TIP', 'Uint8Array', (row, { tips }) => tips.indexOf(row.tips.join(' '))],
  ['FIRST_KEY', 'Int8Array', (row) => row.first],
  ['LAST_KEY', 'Int8Array', (row) => row.last],
  ['KEY_STEP', 'Int8Array', (row) => row.step],
  ['COMMAND_KEY_FINDER', 'Uint8Array', finderOf],
  ['SINGLE_KEY', 'Int8Array', singleKeyOf],
];

export function renderTable(rows) {
  const words = vocabularyOf(rows);
  const specs = rows.flatMap((row) => row.specs);
  const parts = [
    HEADER,
    record(
      'COMMAND_ID',
      [...words.ids].map(([name, id]) => [constantName(name), id]),
    ),
    record('COMMAND_FLAG', [
      ...SERVER_FLAGS.map((flag, bit) => [constantName(flag), 2 ** bit]),
      ...Object.entries(OWN_FLAGS),
    ]),
    record('VERDICT', Object.entries(VERDICT)),
    record('KEY_FINDER', Object.entries(KEY_FINDER)),
    strings('SERVER_FLAG_NAMES', SERVER_FLAGS),
    strings('ACL_CATEGORY_NAMES', ACL_CATEGORIES),
    strings('KEY_FLAG_NAMES', KEY_FLAGS),
    strings('KEY_WORDS', words.keywords),
    strings('REFUSAL_REASONS', words.reasonTexts),
    strings('COMMAND_GROUPS', words.groups),
    strings('COMMAND_TIPS', words.tips),
  ];
  for (const [name, entryOf] of TEXT_COLUMNS) parts.push(strings(name, rows.map(entryOf)));
  for (const [name, type, entryOf] of NUMBER_COLUMNS) {
    const entries = rows.map((row) => entryOf(row, words));
    parts.push(numbers(name, type, entries));
  }
  const flags = specs.map((spec) => bits(spec.flags, KEY_FLAGS));
  const layout = specs.flatMap((spec) => specNumbers(spec, words.keywords));
  parts.push(numbers('KEY_SPEC_OFFSET', 'Uint16Array', specOffsets(rows)));
  parts.push(numbers('KEY_SPEC_FLAGS', 'Uint16Array', flags));
  parts.push(SPEC_COMMENT + numbers('KEY_SPECS', 'Int8Array', layout));
  return parts.join('\n');
}

function vocabularyOf(rows) {
  const reasons = readReasons();
  return {
    ids: new Map(rows.map((row, id) => [row.name, id])),
    reasons: reasons.map(([key]) => key),
    reasonTexts: reasons.map(([, text]) => text),
    groups: unique(rows.map((row) => row.group)),
    tips: unique(rows.map((row) => row.tips.join(' '))),
    keywords: unique(rows.flatMap((row) => row.specs.flatMap(keywordOf))),
  };
}

/** Where the key specs of each row start; one more entry marks the end of the last. */
function specOffsets(rows) {
  const offsets = [0];
  for (const row of rows) offsets.push(offsets.at(-1) + row.specs.length);
  return offsets;
}

const HEADER = `// Generated from tools/codegen/data by \`pnpm codegen\`. Change the data, not this file.
// All lists with one entry per command are indexed by command id; a container's subcommands follow it.
`;

const SPEC_COMMENT = `// Seven numbers per key spec:
// begin (0 index, 1 keyword, 2 unknown), index or where to search from, index into KEY_WORDS,
// find (0 range, 1 number of keys, 2 unknown), then last, step, limit or number index, first key, step.
`;

function constantName(name) {
  return name.toUpperCase().replaceAll(/[^A-Z]/g, '_');
}

function flagBits(row) {
  let value = bits(row.flags, SERVER_FLAGS);
  if (row.subcommands.length > 0) value += OWN_FLAGS.HAS_SUBCOMMANDS;
  if (row.acl.includes('transaction')) value += OWN_FLAGS.TRANSACTION;
  if (row.condition !== '' || row.dedicatedWhen !== '') value += OWN_FLAGS.HAS_CONDITION;
  return value;
}

function finderOf(row) {
  if (row.subcommands.some((sub) => sub.specs.length > 0)) return KEY_FINDER.SUBCOMMAND;
  if (row.name === 'sort') return KEY_FINDER.SORT;
  if (row.name === 'migrate') return KEY_FINDER.MIGRATE;
  if (row.specs.length === 0) return KEY_FINDER.NONE;
  // SORT_RO reads keys named by its patterns too, but those are refused: its key is the first argument.
  if (row.flags.includes('movablekeys') && row.name !== 'sort_ro') return KEY_FINDER.SPECS;
  return row.first === row.last && row.condition === '' ? KEY_FINDER.FIXED : KEY_FINDER.RANGE;
}

function singleKeyOf(row) {
  const finder = finderOf(row);
  if (finder === KEY_FINDER.NONE) return 0;
  return finder === KEY_FINDER.FIXED && row.verdict === 'forward' ? row.first : -1;
}

function specNumbers({ begin, find }, keywords) {
  const [first = 0, from = 0] = begin.values;
  const head =
    begin.kind === 'keyword'
      ? [BEGIN.keyword, Number(from), keywords.indexOf(first)]
      : [BEGIN[begin.kind], Number(first), 0];
  const [a = 0, b = 0, c = 0] = find.values;
  return [...head, FIND[find.kind], a, b, c];
}

function keywordOf({ begin }) {
  return begin.kind === 'keyword' ? [begin.values[0]] : [];
}

function bits(words, order) {
  return words.reduce((sum, word) => sum + 2 ** order.indexOf(word), 0);
}

function unique(list) {
  return [...new Set(list)];
}

function record(name, entries) {
  const lines = entries.map(([key, value]) => `  ${key}: ${value},\n`);
  return `export const ${name} = {\n${lines.join('')}} as const;\n`;
}

function strings(name, list) {
  const lines = list.map((text) => `  ${quoted(text)},\n`);
  return `export const ${name}: readonly string[] = [\n${lines.join('')}];\n`;
}

function quoted(text) {
  return text.includes("'") ? JSON.stringify(text) : `'${text}'`;
}

function numbers(name, type, list) {
  let lines = '';
  let line = '';
  for (const value of list) {
    const piece = `${line === '' ? '  ' : ' '}${value},`;
    if (line.length + piece.length > 100) {
      lines += `${line}\n`;
      line = `  ${value},`;
    } else line += piece;
  }
  return `export const ${name}: ${type} = new ${type}([\n${lines}${line}\n]);\n`;
}
