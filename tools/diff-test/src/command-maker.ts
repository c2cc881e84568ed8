import type { SeededRandom } from '@undermoon/testkit';
import type { CommandList } from './command-list.ts';
import { GRAMMAR } from './grammar.ts';
import { type Form, type Part, parseGrammar } from './grammar-parser.ts';
import { type Request, requestOf } from './program.ts';
import type { PlainRule } from './reply-rules.ts';
import { hasSeveralKeys, NOT_IN_PLAIN_TRANSACTION, type Port, SPLIT_COMMANDS } from './port.ts';
import {
  ANY_TAG,
  makeOddWord,
  makeWord,
  ONE_TAG,
  type OtherTags,
  othersOf,
  pickOnlyTag,
  pickShard,
  pickTag,
  type WordContext,
} from './words.ts';

/** A request with its command's name and the way to compare its reply. */
export interface MadeCommand {
  readonly request: Request;
  readonly rule: PlainRule;
  /** As in the command table; null: there is no such command. */
  readonly name: string | null;
}

const DAMAGED = 0.12;
const UNKNOWN = 0.01;
const INLINE = 0.04;
const INLINE_BYTES_MAX = 2000;
const REPEAT_MAX = 4;
const UNKNOWN_NAMES = [
  'nosuch',
  'get ',
  'g\u0000t',
  'x'.repeat(200),
  'set\r\n',
  "quo'te",
  'GETT',
  '',
  'über',
];

// What stands before a NUL must name nothing: Redis compares names up to there, so it takes "get\0x" for "get" when the
// two fall into the same bucket, which the random seed of each server's hashes decides.
const UNKNOWN_SUBCOMMANDS = ['nope', '', '\xed\xb7\x04', 'ge\0x', 'x'.repeat(200), "quo'te"].map(
  (text) => Buffer.from(text, 'latin1'),
);

/** Makes random commands from the grammar. */
export class CommandMaker {
  readonly #random: SeededRandom;
  readonly #list: CommandList;
  readonly #forms: ReadonlyMap<string, readonly Form[]>;
  readonly #names: readonly string[];
  /** Each once for every form that it has. */
  readonly #weighted: readonly string[];
  readonly #port: Port;
  #entries = 0;

  constructor(random: SeededRandom, list: CommandList, port: Port = 'cluster') {
    this.#random = random;
    this.#list = list;
    this.#forms = formsOf(list);
    this.#names = [...this.#forms.keys()];
    this.#weighted = [...this.#forms].flatMap(([name, forms]) => forms.map(() => name));
    this.#port = port;
  }

  /** Names that `make` may choose. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Those that the reference refuses and accepts in the same forms. */
  get comparableNames(): readonly string[] {
    const { unknownToServer, changedArity } = this.#list;
    return this.#names.filter(
      (name) =>
        !unknownToServer.has(name) &&
        !changedArity.has(name) &&
        !(this.#port === 'plain' && NOT_IN_PLAIN_TRANSACTION.test(name)),
    );
  }

  /** A tag for keys that belong together. */
  pickTag(): string {
    return this.#port === 'plain' ? pickOnlyTag(this.#random) : pickTag(this.#random);
  }

  /** Tags for commands that belong together, in a transaction: each takes one of them. */
  pickTogether(): readonly string[] {
    return this.#port === 'plain' ? pickShard(this.#random) : [pickTag(this.#random)];
  }

  /** A command of any of `names`; all its keys have mostly the same tag. `together`: see `pickTogether`. */
  make(names: readonly string[] = this.#weighted, together?: readonly string[]): MadeCommand {
    const random = this.#random;
    const [first, ...more] = together ?? [];
    const tag = more.length === 0 ? first : random.pick(together ?? []);
    if (random.chance(UNKNOWN)) return this.#unknown(tag ?? this.pickTag());
    const name = random.pick(names);
    const form = random.pick(this.#forms.get(name) ?? []);
    const isFree = this.#port === 'cluster' || (tag === undefined && SPLIT_COMMANDS.has(name));
    const others = isFree ? ANY_TAG : together === undefined ? ONE_TAG : othersOf(together);
    const context = this.#context(tag ?? (isFree ? pickTag(random) : this.pickTag()), others);
    const words = [...this.#nameWords(name), ...this.#words(form.parts, context)];
    const isDamaged = random.chance(DAMAGED);
    // Odd words may be keys of other slots.
    const canBeDamaged = isFree || (tag === undefined && !this.#hasSeveralKeys(name));
    const sent = isDamaged && canBeDamaged ? this.#damaged(form, words, context) : words;
    const isUnknown = this.#list.unknownToServer.has(name);
    return { request: this.#request(sent), rule: isUnknown ? 'none' : form.rule, name };
  }

  /** A word of the grammar. */
  word(name: string, tag: string): Buffer {
    return makeWord(name, this.#context(tag, this.#usualOthers));
  }

  #hasSeveralKeys(name: string): boolean {
    return this.#forms.get(name)?.some(hasSeveralKeys) === true;
  }

  get #usualOthers(): OtherTags {
    return this.#port === 'plain' ? ONE_TAG : ANY_TAG;
  }

  #context(tag: string, others: OtherTags): WordContext {
    return { random: this.#random, tag, others, nextEntry: () => ++this.#entries };
  }

  #request(words: readonly Buffer[]): Request {
    const size = words.reduce((sum, word) => sum + word.length, 0);
    const canBeInline = size < INLINE_BYTES_MAX && (words[0]?.length ?? 0) > 0;
    return requestOf(words, canBeInline && this.#random.chance(INLINE));
  }

  #unknown(tag: string): MadeCommand {
    const words: Buffer[] = [Buffer.from(this.#random.pick(UNKNOWN_NAMES))];
    while (this.#random.chance(0.5)) words.push(makeOddWord(this.#context(tag, this.#usualOthers)));
    return { request: this.#request(words), rule: 'exact', name: null };
  }

  #nameWords(name: string): Buffer[] {
    return name.split('|').map((word) => this.#inSomeCase(word));
  }

  #inSomeCase(text: string): Buffer {
    const choice = this.#random.int(4);
    if (choice === 0) return Buffer.from(text.toLowerCase());
    if (choice < 3) return Buffer.from(text.toUpperCase());
    const letters = Array.from(text, (letter) =>
      this.#random.chance(0.5) ? letter.toUpperCase() : letter.toLowerCase(),
    );
    return Buffer.from(letters.join(''));
  }

  #words(parts: readonly Part[], context: WordContext): Buffer[] {
    return parts.flatMap((part) => this.#partWords(part, context));
  }

  #partWords(part: Part, context: WordContext): Buffer[] {
    const random = this.#random;
    switch (part.kind) {
      case 'literal':
        return [
          /^[A-Z-]{2,}$/.test(part.text) ? this.#inSomeCase(part.text) : Buffer.from(part.text),
        ];
      case 'word':
        return [makeWord(part.name, context)];
      case 'optional':
        return random.chance(0.4) ? this.#words(part.parts, context) : [];
      case 'choice':
        return this.#words(random.pick(part.options), context);
      case 'repeat': {
        const count = 1 + random.int(REPEAT_MAX);
        return Array.from({ length: count }, () => this.#partWords(part.part, context)).flat();
      }
    }
  }

  /** The command with a fault; its name stays. */
  #damaged(form: Form, words: readonly Buffer[], context: WordContext): Buffer[] {
    const random = this.#random;
    const nameCount = form.command.split('|').length;
    if (!form.isDamageable || words.length === nameCount) {
      // Without any argument it is either refused or as good as before.
      const arity = this.#list.arities.get(form.command) ?? 0;
      const isRefused = arity < 0 ? nameCount < -arity : nameCount !== arity;
      return isRefused ? words.slice(0, nameCount) : [...words];
    }
    switch (random.int(5)) {
      case 0:
        return words.slice(0, nameCount + random.int(words.length - nameCount));
      case 1:
        return [...words, makeOddWord(context)];
      case 2:
        return nameCount === 1 ? [...words] : words.with(1, random.pick(UNKNOWN_SUBCOMMANDS));
      default:
        return words.with(nameCount + random.int(words.length - nameCount), makeOddWord(context));
    }
  }
}

/** The forms of supported commands by name. */
function formsOf(list: CommandList): Map<string, Form[]> {
  const supported = new Set(list.supported.map(({ name }) => name));
  const forms = new Map<string, Form[]>();
  for (const form of parseGrammar(GRAMMAR)) {
    if (!supported.has(form.command)) continue;
    if (form.isUnconditional && list.conditional.has(form.command)) continue;
    const known = forms.get(form.command);
    if (known === undefined) forms.set(form.command, [form]);
    else known.push(form);
  }
  return forms;
}
