import { accept, type Outcome, refuse } from '@undermoon/runtime';
import { type ClientFacts, isSubscriber } from './client-line.ts';

/** Which clients CLIENT LIST shows or CLIENT KILL closes. Null: any. All conditions must hold. */
export interface ClientFilter {
  /** For LIST: in this order, each as often as it is named. */
  readonly ids: readonly number[] | null;
  readonly address: string | null;
  readonly localAddress: string | null;
  /** Null: any type. */
  readonly type: string | null;
  /** KILL spares the client that asks for it. */
  readonly skipsAsker: boolean;
}

/** The error's text, "ERR " included. */
type FilterOutcome = Outcome<ClientFilter, 'REFUSED'>;

/** No condition. */
export const ALL_CLIENTS: ClientFilter = {
  ids: null,
  address: null,
  localAddress: null,
  type: null,
  skipsAsker: false,
};

/** CLIENT KILL in its old form: the client with this address. */
export function clientAt(address: string): ClientFilter {
  return { ...ALL_CLIENTS, address };
}

const TYPES: ReadonlySet<string> = new Set(['normal', 'master', 'slave', 'replica', 'pubsub']);
const SYNTAX: FilterOutcome = refuse('REFUSED', 'ERR syntax error');

/** CLIENT LIST [TYPE type | ID id …]; `words` are those after LIST. */
export function parseListFilter(words: readonly string[]): FilterOutcome {
  const [option, ...values] = words;
  if (option === undefined) return accept(ALL_CLIENTS);
  if (values.length === 0) return SYNTAX;
  if (option.toLowerCase() === 'type' && values.length === 1) return ofType(ALL_CLIENTS, values[0]);
  if (option.toLowerCase() !== 'id') return SYNTAX;
  const ids = values.map(integerOf);
  if (ids.some((id) => Number.isNaN(id))) return refuse('REFUSED', 'ERR Invalid client ID');
  return accept({ ...ALL_CLIENTS, ids });
}

/** CLIENT KILL <option> <value> …; `words` are those after KILL. */
export function parseKillFilter(words: readonly string[]): FilterOutcome {
  let filter: ClientFilter = { ...ALL_CLIENTS, skipsAsker: true };
  for (let i = 0; i < words.length; i += 2) {
    const value = words[i + 1];
    if (value === undefined) return SYNTAX;
    const next = withCondition(filter, (words[i] ?? '').toLowerCase(), value);
    if (!next.ok) return next;
    filter = next.value;
  }
  return accept(filter);
}

/** Whether a client is one of those. */
export function isWanted(filter: ClientFilter, facts: ClientFacts): boolean {
  const { ids, address, localAddress, type } = filter;
  return (
    (type === null || type === (isSubscriber(facts) ? 'pubsub' : 'normal')) &&
    (ids === null || ids.includes(facts.id)) &&
    (address === null || address === facts.address) &&
    (localAddress === null || localAddress === facts.localAddress)
  );
}

function withCondition(filter: ClientFilter, option: string, value: string): FilterOutcome {
  switch (option) {
    case 'id': {
      const id = integerOf(value);
      if (id > 0) return accept({ ...filter, ids: [id] });
      return refuse('REFUSED', 'ERR client-id should be greater than 0');
    }
    case 'type':
      return ofType(filter, value);
    case 'addr':
      return accept({ ...filter, address: value });
    case 'laddr':
      return accept({ ...filter, localAddress: value });
    case 'user':
      if (value === 'default') return accept(filter);
      return refuse('REFUSED', `ERR No such user '${value}'`);
    case 'skipme': {
      const answer = value.toLowerCase();
      if (answer !== 'yes' && answer !== 'no') return SYNTAX;
      return accept({ ...filter, skipsAsker: answer === 'yes' });
    }
    default:
      return SYNTAX;
  }
}

function ofType(filter: ClientFilter, type = ''): FilterOutcome {
  const name = type.toLowerCase();
  if (!TYPES.has(name)) return refuse('REFUSED', `ERR Unknown client type '${type}'`);
  return accept({ ...filter, type: name });
}

/** NaN if the text is no integer of 64 bits; beyond 53 bits the value is rounded, which no id is. */
function integerOf(text: string): number {
  return /^(?:0|-?[1-9]\d{0,18})$/.test(text) ? Number(text) : Number.NaN;
}
