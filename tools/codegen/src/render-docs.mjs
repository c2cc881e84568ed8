// Renders the rows as docs/commands.md.
const TITLES = {
  bitmap: 'Bitmaps',
  cluster: 'Cluster',
  connection: 'Connection',
  generic: 'Keys of any type',
  geo: 'Places',
  hash: 'Hashes',
  hyperloglog: 'HyperLogLog',
  list: 'Lists',
  pubsub: 'Publish and subscribe',
  scripting: 'Scripts and functions',
  server: 'Server',
  set: 'Sets',
  'sorted-set': 'Sorted sets',
  stream: 'Streams',
  string: 'Strings',
  transactions: 'Transactions',
  undermoon: 'undermoon',
};
const VERDICT_WORDS = {
  forward: 'forwarded',
  dedicated: 'dedicated',
  fanout: 'fanned out',
  answer: 'answered',
  refuse: 'refused',
};

export function renderDocs(rows, reasons) {
  const listed = rows.filter((row) => row.subcommands.length === 0 || row.name === 'command');
  const texts = new Map(reasons);
  const counts = Object.keys(VERDICT_WORDS).map(
    (verdict) => listed.filter((row) => row.verdict === verdict).length,
  );
  const parts = [header(counts)];
  for (const group of Object.keys(TITLES)) {
    const inGroup = listed.filter((row) => row.group === group);
    parts.push(`## ${TITLES[group]}`, table(inGroup.map((row) => cells(row, texts))));
  }
  const missing = listed.find((row) => !(row.group in TITLES));
  if (missing !== undefined) throw new Error(`render-docs.mjs has no title for '${missing.group}'`);
  return `${parts.join('\n\n')}\n`;
}

function header([forwarded, dedicated, fannedOut, answered, refused]) {
  return `<!-- Generated from tools/codegen/data by \`pnpm codegen\`. Change the data, not this file. -->

# Commands

What the proxy does with each command of Redis 7.2 in this version:

- **forwarded** (${forwarded}): sent to the Redis server that owns the slot of its keys; all keys must be in one slot.
- **dedicated** (${dedicated}): the same, over a connection to that server which the client has for itself meanwhile.
- **fanned out** (${fannedOut}): sent to all servers of this proxy (on the plain port: of the cluster), and answered with
  what they say together.
- **answered** (${answered}): answered by the proxy itself.
- **refused** (${refused}): answered with an error that gives the reason below.

\`COMMAND\` lists all but what is refused.

Commands that are not in these tables, those of modules and of newer servers, are **learned**: when a client uses one, the servers
beside the proxy are asked about it (\`COMMAND INFO\`). It is then forwarded to the server of its keys, with \`MOVED\` and
\`CROSSSLOT\` as for all others, also inside \`MULTI\`; over a connection of its own if it may block. If its description does not
tell where the keys are, the server is asked for those of each call (\`COMMAND GETKEYS\`). Commands for administrators, and those
that change the state of a connection, are refused; of those without keys, reads are answered by the first
server and writes are refused. New subcommands of \`OBJECT\`, \`XINFO\`, \`XGROUP\` and \`MEMORY\` are learned, too. Where servers differ,
what one of them knows is enough to route a command, and the server of its keys has the last word. All is learned anew when the
connection to a server was lost, and a name that no server knew is asked for again after 10 seconds. \`COMMAND\`, \`COMMAND COUNT\`, \`INFO\`
and \`LIST\` ask for all commands of the servers (of Redis 7 or later) and show them. In a cluster that compresses values, learned commands
see string values as they are stored.`;
}

function cells(row, reasons) {
  const name = row.name.toUpperCase().replace('|', ' ');
  const note = row.verdict === 'refuse' ? reasons.get(row.reason) : row.summary;
  const condition = row.condition === '' ? '' : ` (only ${row.condition})`;
  const when = row.dedicatedWhen === '' ? '' : ` (${row.dedicatedWhen}: dedicated)`;
  return [`\`${name}\``, VERDICT_WORDS[row.verdict], `${note}${condition}${when}`];
}

/** A table with cells padded to one width, as the formatter wants it. */
function table(body) {
  const all = [['command', 'here', 'note'], ...body];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(all[0]), rule, ...body.map(line)].join('\n');
}
