import { type RespValue, ValueDecoder } from '@undermoon/resp';

const PLAIN_RULES = [
  /** Byte by byte. */
  'exact',
  /** Elements in any order: sets and hashes have none, and each server hashes with a seed of its own. */
  'sorted',
  /** The same for field and value pairs. */
  'pairs',
  /** A cursor and elements in any order; unless the scan was whole, only the types. */
  'scan',
  /** Types and sizes: the elements are random. */
  'shape',
  /** The type only: the content belongs to one server, or is in our own words. */
  'type',
  /** Times, or spans of time, that are less than a minute apart. */
  'time',
  /** A serialized value; its elements may be in any order, and a stream holds the times of its readers. */
  'dump',
  /** With milliseconds of idleness, and times of day. */
  'idle',
  /** With ids of nodes, and the addresses of servers. */
  'ids',
  /** HELLO: with the version and the connection's number. */
  'hello',
  /** Not at all. */
  'none',
] as const;

export type PlainRule = (typeof PLAIN_RULES)[number];

/** How two replies are compared. */
export type ReplyRule = PlainRule | { readonly items: readonly ReplyRule[] };

export function isReplyRule(text: string): text is PlainRule {
  return PLAIN_RULES.some((rule) => rule === text);
}

const SAME_TIME_SECONDS = 60;
const STREAM_DUMP_TYPES: readonly number[] = [15, 19, 21];
/** DUMP ends with two bytes of version and eight of checksum. */
const DUMP_TAIL_BYTES = 10;

/** Whether two replies are the same as far as the rule asks. Errors are always compared by their bytes. */
export function repliesAgree(rule: ReplyRule, ours: Buffer, theirs: Buffer): boolean {
  if (rule === 'none' || ours.equals(theirs)) return true;
  if (rule === 'exact') return false;
  const [a, b] = [decode(ours), decode(theirs)];
  if (a === null || b === null || a.type === 'error' || b.type === 'error') return false;
  return valuesAgree(rule, a, b);
}

function valuesAgree(rule: ReplyRule, a: RespValue, b: RespValue): boolean {
  if (typeof rule === 'object') return itemsAgree(rule.items, a, b);
  switch (rule) {
    case 'none':
      return true;
    case 'exact':
      return textOf(a) === textOf(b);
    case 'type':
      return a.type === b.type;
    case 'shape':
      return shapeOf(a) === shapeOf(b);
    case 'sorted':
      return textOf(sorted(a)) === textOf(sorted(b));
    case 'pairs':
      return textOf(sorted(inPairs(a))) === textOf(sorted(inPairs(b)));
    case 'scan':
      return scansAgree(a, b);
    case 'time':
      return timesAgree(a, b);
    case 'dump':
      return dumpText(a) === dumpText(b);
    case 'idle':
      return withoutTimes(a) === withoutTimes(b);
    case 'ids':
      return withoutIds(a) === withoutIds(b);
    case 'hello':
      return withoutNumbers(a) === withoutNumbers(b);
  }
}

function itemsAgree(rules: readonly ReplyRule[], a: RespValue, b: RespValue): boolean {
  const [left, right] = [itemsOf(a), itemsOf(b)];
  if (a.type !== b.type || left.length !== right.length) return false;
  if (left.length !== rules.length) return textOf(a) === textOf(b);
  return left.every((item, i) => {
    const other = right[i];
    if (other === undefined) return false;
    const isError = item.type === 'error' || other.type === 'error';
    return valuesAgree(isError ? 'exact' : (rules[i] ?? 'exact'), item, other);
  });
}

function decode(frame: Buffer): RespValue | null {
  const decoder = new ValueDecoder();
  decoder.push(frame);
  return decoder.next() ?? null;
}

function itemsOf(value: RespValue): readonly RespValue[] {
  if ('items' in value) return value.items;
  return value.type === 'map' ? value.entries.flat() : [];
}

/** A text that is the same for the same values only. */
function textOf(value: RespValue): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : Object.is(part, -0) ? '-0' : part,
  );
}

function shapeOf(value: RespValue): string {
  const items = itemsOf(value);
  return items.length === 0 ? value.type : `${value.type}(${items.map(shapeOf).join()})`;
}

function sorted(value: RespValue): RespValue {
  const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  if (value.type === 'map') {
    const entries = value.entries.toSorted(([a], [b]) => byText(textOf(a), textOf(b)));
    return { ...value, entries };
  }
  if (!('items' in value)) return value;
  return { ...value, items: value.items.toSorted((a, b) => byText(textOf(a), textOf(b))) };
}

/** RESP2 sends a map as an array of keys and values. */
function inPairs(value: RespValue): RespValue {
  if (!('items' in value)) return value;
  const items: RespValue[] = [];
  for (let i = 0; i < value.items.length; i += 2) {
    items.push({ type: 'array', items: value.items.slice(i, i + 2) });
  }
  return { ...value, items };
}

function scansAgree(a: RespValue, b: RespValue): boolean {
  const isWhole = [a, b].every((value) => textOf(itemsOf(value)[0] ?? value) === WHOLE_SCAN);
  const [left, right] = [itemsOf(a)[1], itemsOf(b)[1]];
  if (!isWhole || left === undefined || right === undefined) {
    return a.type === b.type && left?.type === right?.type;
  }
  // Sorted by element and not in pairs: enough to notice a lost or a foreign one.
  return textOf(sorted(left)) === textOf(sorted(right));
}

const WHOLE_SCAN: string = textOf({ type: 'bulk', value: Buffer.from('0') });

function timesAgree(a: RespValue, b: RespValue): boolean {
  if (a.type !== 'integer' || b.type !== 'integer') return textOf(a) === textOf(b);
  const [left, right] = [Number(a.value), Number(b.value)];
  if (left < 0 || right < 0) return left === right;
  return Math.abs(left - right) <= SAME_TIME_SECONDS * 1000;
}

function dumpText(value: RespValue): string {
  if (value.type !== 'bulk') return textOf(value);
  const [type = 0] = value.value;
  if (STREAM_DUMP_TYPES.includes(type)) return 'stream';
  const body = value.value.subarray(0, -DUMP_TAIL_BYTES);
  return `${type} ${Buffer.from(body.toSorted()).toString('hex')}`;
}

function withoutTimes(value: RespValue): string {
  const text = textOf(value);
  // Members of XPENDING with a range: [id, consumer, idle, count].
  return text
    .replaceAll(/"value":\d{12,}/g, '"value":"time"')
    .replaceAll(IDLE_FIELD, '$1"value":"idle"')
    .replaceAll(PENDING_IDLE, '$1"value":"idle"$2');
}

const BULK = String.raw`\{"type":"bulk","value":\{"type":"Buffer","data":\[[\d,]*\]\}\}`;
const IDLE_NAMES = ['idle', 'inactive']
  .map((name) => String.raw`\[${[...Buffer.from(name)].join(',')}\]`)
  .join('|');
const IDLE_FIELD = new RegExp(
  String.raw`("data":(?:${IDLE_NAMES})\}\}[,\]\[]*\{"type":"integer",)"value":-?\d+`,
  'g',
);
const PENDING_IDLE = new RegExp(
  String.raw`(\{"type":"array","items":\[${BULK},${BULK},\{"type":"integer",)"value":\d+(\},\{"type":"integer","value":\d+\}\])`,
  'g',
);

function withoutIds(value: RespValue): string {
  return mapTexts(value, (text) =>
    text.replaceAll(/[0-9a-f]{40}/g, '<id>').replaceAll(/127\.0\.0\.1:\d+@\d+/g, '<address>'),
  ).replaceAll(/"value":\d{4,5}\b(?=\})/g, (port) => (port === '"value":16383' ? port : '<port>'));
}

function withoutNumbers(value: RespValue): string {
  return mapTexts(value, (text) => text.replace(/^\d+\.\d+\.\d+$/, '<version>')).replaceAll(
    /("value":"id"\},?\]?,?\[?\{"type":"integer","value":)\d+/g,
    '$1<number>',
  );
}

/** The value's text, with bulk strings as strings that `change` has passed. */
function mapTexts(value: RespValue, change: (text: string) => string): string {
  const plain = (part: RespValue): unknown => {
    if (part.type === 'bulk' || part.type === 'verbatim' || part.type === 'simple') {
      return { type: part.type, value: change(part.value.toString()) };
    }
    if (part.type === 'map')
      return { type: 'map', items: part.entries.map((pair) => pair.map(plain)) };
    return 'items' in part ? { type: part.type, items: part.items.map(plain) } : part;
  };
  return JSON.stringify(plain(value), (_key, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : part,
  );
}
