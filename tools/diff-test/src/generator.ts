import { seededRandom, type SeededRandom } from '@undermoon/testkit';
import type { CommandList } from './command-list.ts';
import { CommandMaker } from './command-maker.ts';
import type { Port } from './port.ts';
import { type Batch, CONNECTIONS, plainUnit, type Unit } from './program.ts';
import { sceneNames, scenesFor } from './scenes.ts';

const UNITS_MAX = 24;
const SCENE = 0.06;
const RARE = 0.1;
/** These take away what others built; every tenth of them is enough. */
const RARE_NAMES: ReadonlySet<string> = new Set([
  'flushall',
  'flushdb',
  'reset',
  'script|flush',
  'function|flush',
]);

/** An endless random program that depends on nothing but the seed and the list of commands. */
export class ProgramGenerator {
  readonly #random: SeededRandom;
  readonly #maker: CommandMaker;
  readonly #names: ReadonlySet<string>;

  constructor(seed: number, list: CommandList, port: Port = 'cluster') {
    this.#random = seededRandom(seed);
    this.#maker = new CommandMaker(this.#random.fork('commands'), list, port);
    this.#names = new Set(list.supported.map(({ name }) => name));
  }

  nextBatch(): Batch {
    const random = this.#random;
    const connection = random.int(CONNECTIONS);
    const count = random.chance(0.3) ? 1 : 1 + random.int(UNITS_MAX);
    const units: Unit[] = [];
    // Nothing goes to a connection that the server closes.
    while (units.length < count && (units.at(-1)?.closes ?? null) === null) {
      units.push(random.chance(SCENE) ? this.#scene(connection) : this.#plain(connection));
    }
    return { units, cutSeed: random.int(2 ** 31) };
  }

  #plain(connection: number): Unit {
    let made = this.#maker.make();
    while (made.name !== null && RARE_NAMES.has(made.name) && !this.#random.chance(RARE)) {
      made = this.#maker.make();
    }
    const names = made.name === null ? [] : [made.name];
    return plainUnit(connection, made.request, made.rule, names);
  }

  #scene(connection: number): Unit {
    const random = this.#random;
    const scene = random.pick(scenesFor(this.#names));
    return scene.make({ random, maker: this.#maker, names: this.#names, connection });
  }
}

/** Supported commands that no line of the grammar and no scene uses. */
export function commandsWithoutGenerator(list: CommandList): string[] {
  const made = new Set(new CommandMaker(seededRandom(1), list).names);
  for (const name of sceneNames(new Set(list.supported.map((command) => command.name)))) {
    made.add(name);
  }
  return list.supported.map(({ name }) => name).filter((name) => !made.has(name));
}
