// One setting of every type, as a program would define them.
import type { Program } from '../src/index.ts';

export const SAMPLE_SETTINGS = {
  address: {
    type: 'address',
    group: 'Network',
    default: '127.0.0.1:5299',
    isListener: true,
    doc: 'Where it listens.',
  },
  announce_address: {
    type: 'address',
    group: 'Network',
    default: null,
    unset: 'the value of `address`',
    doc: 'Its name for others.',
  },
  fallback: {
    type: 'address',
    group: 'Network',
    default: '',
    isEmptyAllowed: true,
    doc: 'Where lost clients go.',
  },
  peers: { type: 'list', group: 'Network', default: ['10.0.0.1:1'], doc: 'Its peers.' },
  password: {
    type: 'string',
    group: 'Network',
    default: null,
    unset: 'no password',
    secret: true,
    doc: 'What clients say first.',
  },
  slow_log_len: {
    type: 'int',
    group: 'Limits',
    default: 1024,
    min: 1,
    max: 1_000_000,
    unit: 'entries',
    doc: 'How many slow commands are kept.',
  },
  slower_than: { type: 'int', group: 'Limits', default: 50, doc: 'Signed threshold.' },
  redirect: { type: 'bool', group: 'Limits', default: false, doc: 'Follows redirections.' },
  strategy: {
    type: 'enum',
    group: 'Limits',
    default: 'disabled',
    values: ['disabled', 'fixed'],
    withoutEffect: true,
    doc: 'How writes are batched.',
  },
} as const;

export const SAMPLE: Program<typeof SAMPLE_SETTINGS> = {
  name: 'sample',
  summary: 'Shows one setting of every type.',
  fileName: 'sample.toml',
  settings: SAMPLE_SETTINGS,
  obsolete: ['auto_select_cluster'],
};

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files by path. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The input for `readSettings` out of what a test gives. */
export function inputOf({ argv = [], env = {}, files = {} }: Given): {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  readFile: (path: string) => string;
} {
  return {
    argv,
    env,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  };
}
