import { isReplyRule, type PlainRule } from './reply-rules.ts';

/** A part of a command's form. */
export type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'word'; readonly name: string }
  | { readonly kind: 'optional'; readonly parts: readonly Part[] }
  | { readonly kind: 'choice'; readonly options: readonly (readonly Part[])[] }
  | { readonly kind: 'repeat'; readonly part: Part };

/** One line of the grammar. */
export interface Form {
  /** As in the command table: "xgroup|create". */
  readonly command: string;
  readonly parts: readonly Part[];
  readonly rule: PlainRule;
  /** Whether arguments may be dropped, doubled and replaced. */
  readonly isDamageable: boolean;
  /** Whether it is for proxies only that refuse no form of the command. */
  readonly isUnconditional: boolean;
}

/** Reads the grammar. Throws a SyntaxError that names the line. */
export function parseGrammar(text: string): Form[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseLine);
}

function parseLine(line: string): Form {
  const [body = '', rule = 'exact'] = line.split(' => ');
  if (!isReplyRule(rule)) throw new SyntaxError(`grammar: unknown rule in "${line}"`);
  const [, marks = '', rest = ''] = /^([?! ]*)(.*)$/.exec(body) ?? [];
  const [command = '', ...words] = tokens(rest);
  return {
    command,
    parts: new Reader(line, words).sequence(),
    rule,
    isDamageable: !marks.includes('!'),
    isUnconditional: marks.includes('?'),
  };
}

function tokens(body: string): string[] {
  return body.match(/<[^>]+>|[()[\]|]|\+(?= |$|[)\]])|[^\s()[\]<+]+|\+/g) ?? [];
}

/** Recursive descent over the words of a line, all of which this package wrote itself. */
class Reader {
  readonly #line: string;
  readonly #words: string[];
  #at = 0;

  constructor(line: string, words: string[]) {
    this.#line = line;
    this.#words = words;
  }

  sequence(): Part[] {
    const parts: Part[] = [];
    for (;;) {
      const word = this.#words[this.#at];
      if (word === undefined || word === ')' || word === ']' || word === '|') return parts;
      this.#at++;
      const part = this.#part(word);
      // "+" repeats what it touches; alone it is the literal of stream and name ranges.
      if (this.#words[this.#at] === '+' && part.kind !== 'literal') {
        this.#at++;
        parts.push({ kind: 'repeat', part });
      } else parts.push(part);
    }
  }

  #part(word: string): Part {
    if (word === '(') return { kind: 'choice', options: this.#options(')') };
    if (word === '[') {
      const options = this.#options(']');
      const parts: Part[] =
        options.length === 1 ? [...(options[0] ?? [])] : [{ kind: 'choice', options }];
      return { kind: 'optional', parts };
    }
    if (word.startsWith('<')) return { kind: 'word', name: word.slice(1, -1) };
    return { kind: 'literal', text: word };
  }

  #options(end: string): Part[][] {
    const options = [this.sequence()];
    while (this.#words[this.#at] === '|') {
      this.#at++;
      options.push(this.sequence());
    }
    if (this.#words[this.#at] !== end)
      throw new SyntaxError(`grammar: no ${end} in "${this.#line}"`);
    this.#at++;
    return options;
  }
}
