import type { CallNode } from './call-tree.ts';

const WIDTH = 1400;
const ROW = 17;
const HEAD = 40;
const CHAR_WIDTH = 6.4;
/** Narrower boxes are left out. */
const BOX_WIDTH_MIN = 0.4;

/** Draws a tree of calls as an SVG: the width of a box is its share, callers are below what they call. */
export function flameGraph(root: CallNode, title: string): string {
  const height = HEAD + (depthOf(root, root.weight) + 1) * ROW;
  const boxes: string[] = [];
  drawBox(
    root,
    { x: 0, y: height - ROW, perWeight: WIDTH / root.weight, total: root.weight },
    boxes,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="15">${escape(title)}</text>
${boxes.join('\n')}
</svg>
`;
}

interface Position {
  readonly x: number;
  readonly y: number;
  readonly perWeight: number;
  readonly total: number;
}

function drawBox(node: CallNode, position: Position, boxes: string[]): void {
  const { x, y, perWeight, total } = position;
  const width = node.weight * perWeight;
  if (width < BOX_WIDTH_MIN) return;
  const name = escape(node.name);
  const share = ((100 * node.weight) / total).toFixed(2);
  const text = textThatFits(node.name, width);
  const label =
    text === '' ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escape(text)}</text>`;
  boxes.push(
    `<g><title>${name} (${share} %)</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colourOf(node)}"/>${label}</g>`,
  );
  let left = x;
  for (const child of sorted(node)) {
    drawBox(child, { ...position, x: left, y: y - ROW }, boxes);
    left += child.weight * perWeight;
  }
}

/** The order of names, so that two pictures of the same program can be compared. */
function sorted({ children }: CallNode): readonly CallNode[] {
  return [...children.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function depthOf({ children }: CallNode, total: number): number {
  const shown = [...children.values()].filter(({ weight }) => {
    return (weight / total) * WIDTH >= BOX_WIDTH_MIN;
  });
  return shown.reduce((depth, child) => Math.max(depth, 1 + depthOf(child, total)), 0);
}

function textThatFits(name: string, width: number): string {
  const chars = Math.floor((width - 6) / CHAR_WIDTH);
  if (chars < 3) return '';
  return name.length <= chars ? name : `${name.slice(0, chars - 2)}..`;
}

/** Blue: the kernel. Green: JavaScript. Yellow: builtins. Red: other native code. */
function colourOf({ name, origin }: CallNode): string {
  if (origin.startsWith('[')) return '#8fb8de';
  if (/^(?:JS|LazyCompile|Function|Script|Eval):/.test(name)) return '#9fd39b';
  return name.startsWith('Builtins_') ? '#ecd98b' : '#e6a08f';
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
