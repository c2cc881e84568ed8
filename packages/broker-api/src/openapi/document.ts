import { BROKER_STATUS, type BrokerErrorCode } from '../codes.ts';
import { jsonSchemaOf, type JsonShape } from '../payloads/parse-payload.ts';
import { clusterNameSchema, nodeAddressSchema } from '../payloads/primitives.ts';
import { BROKER_ROUTES, type BrokerRouteName } from '../routes.ts';
import { ROUTE_DOCS, type AnswerDoc, type RouteDoc } from './route-docs.ts';

/** A JSON object of the document. */
type JsonObject = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of the API: every route with its parameters, bodies, answers and error codes,
 * made from the schemas that requests and answers are read with.
 */
export function openApiDocument(): JsonShape {
  const components: JsonObject = { Error: ERROR_SHAPE };
  const paths: Record<string, JsonObject> = {};
  for (const name of routeNames()) {
    const { method, path } = BROKER_ROUTES[name];
    const item = (paths[path.replace(/:([A-Za-z]+)/g, '{$1}')] ??= {});
    item[method.toLowerCase()] = operationOf(name);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'undermoon broker',
      version: '3',
      description:
        'Metadata of self-managed Redis clusters. Error codes are stable; messages are not.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: TAGS,
    paths: hoisted(paths, components),
    components: { schemas: hoisted(components, components) },
  };
}

const TAGS = [
  { name: 'clusters', description: 'Clusters and their nodes' },
  { name: 'migrations', description: 'Moves of slots' },
  { name: 'proxies', description: 'The inventory' },
  { name: 'failures', description: 'Reports of failures, and failovers' },
  { name: 'broker', description: 'The broker itself' },
];

const PARAMETER_SHAPES: Readonly<Record<string, JsonShape>> = {
  name: jsonSchemaOf(clusterNameSchema),
  address: jsonSchemaOf(nodeAddressSchema),
  reporterId: { type: 'string', minLength: 1, maxLength: 255 },
  nodeNumber: { type: 'integer', minimum: 0 },
  epoch: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
};

function routeNames(): BrokerRouteName[] {
  return Object.keys(ROUTE_DOCS).filter((name): name is BrokerRouteName =>
    Object.hasOwn(BROKER_ROUTES, name),
  );
}

function operationOf(name: BrokerRouteName): JsonObject {
  const doc = ROUTE_DOCS[name];
  const { path } = BROKER_ROUTES[name];
  const parameters = [...path.matchAll(/:([A-Za-z]+)/g)].map(([, key = '']) => ({
    name: key,
    in: 'path',
    required: true,
    schema: PARAMETER_SHAPES[key],
  }));
  return {
    operationId: name,
    tags: [doc.tag],
    summary: doc.summary,
    parameters: [...parameters, ...queryParametersOf(doc)],
    ...(doc.body === undefined
      ? {}
      : { requestBody: { required: true, content: jsonContent(jsonSchemaOf(doc.body)) } }),
    responses: {
      200: answerOf(doc.answer),
      ...(doc.isTagged === true ? { 304: { description: 'As `If-None-Match` says.' } } : {}),
      ...errorsOf(doc, parameters.length > 0),
    },
  };
}

function queryParametersOf({ query }: RouteDoc): JsonObject[] {
  if (query === undefined) return [];
  const { properties } = jsonSchemaOf(query);
  return membersOf(properties).map(([name, schema]) => ({ name, in: 'query', schema }));
}

function answerOf(answer: AnswerDoc): JsonObject {
  switch (answer.kind) {
    case 'empty':
      return { description: 'Done. No body.' };
    case 'text':
      return { description: 'Text.', content: { [answer.type]: { schema: { type: 'string' } } } };
    case 'json':
      return { description: 'The answer.', content: jsonContent(jsonSchemaOf(answer.schema)) };
    case 'json-or-empty':
      return {
        description: 'Done. Without anything to tell, no body.',
        content: jsonContent(jsonSchemaOf(answer.schema)),
      };
    case 'json-or-events':
      return {
        description: 'What changed. As events, each has such an object as its data.',
        content: {
          ...jsonContent(jsonSchemaOf(answer.schema)),
          'text/event-stream': { schema: { type: 'string' } },
        },
      };
  }
}

function errorsOf(doc: RouteDoc, hasParameters: boolean): JsonObject {
  const codes = new Set<BrokerErrorCode>([
    ...doc.codes,
    'INVALID_REQUEST',
    'REQUEST_TIMEOUT',
    'BODY_TOO_LARGE',
    'HEADERS_TOO_LARGE',
    'INTERNAL',
    // A broker on a shared storage may have to ask it first.
    'EXTERNAL',
    'EXTERNAL_TIMEOUT',
    ...(hasParameters ? (['ROUTE_NOT_FOUND'] as const) : []),
    ...(doc.query === undefined ? [] : (['INVALID_QUERY'] as const)),
    ...(doc.body === undefined ? [] : (['INVALID_BODY', 'UNSUPPORTED_MEDIA_TYPE'] as const)),
    ...(doc.isMutation === true ? MUTATION_CODES : []),
  ]);
  const byStatus = new Map<number, BrokerErrorCode[]>();
  for (const code of codes) {
    const status = BROKER_STATUS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, of]) => [status, errorAnswer(of)]));
}

const MUTATION_CODES = [
  'OVERLOADED',
  'SHUTTING_DOWN',
  'PERSISTENCE_IO_ERROR',
  'PERSISTENCE_JSON_ERROR',
  'EMPTY_EXTERNAL_VERSION',
  'RETRY',
] as const;

function errorAnswer(codes: readonly BrokerErrorCode[]): JsonObject {
  const schema = { $ref: '#/components/schemas/Error', properties: { error: { enum: codes } } };
  return { description: codes.join(', '), content: jsonContent(schema) };
}

const TEXT = { type: 'string' };
const ERROR_SHAPE: JsonShape = {
  type: 'object',
  required: ['error'],
  properties: {
    error: TEXT,
    message: TEXT,
    field: { ...TEXT, description: 'The member of the request that is at fault.' },
    key: { ...TEXT, description: 'Of INVALID_CONFIG: the field of the configuration.' },
    value: { ...TEXT, description: 'Of INVALID_CONFIG: its refused value.' },
  },
};

function jsonContent(schema: JsonShape): JsonObject {
  return { 'application/json': { schema } };
}

/** A copy in which definitions are where the document keeps them, gathered in `components`. */
function hoisted(value: unknown, components: JsonObject): unknown {
  if (Array.isArray(value)) return value.map((item) => hoisted(item, components));
  if (typeof value !== 'object' || value === null) return rewritten(value);
  const copy: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (key === '$defs') gather(member, components);
    else if (key === '$schema' || key === 'id') continue;
    else copy[key] = hoisted(member, components);
  }
  return copy;
}

function gather(definitions: unknown, components: JsonObject): void {
  for (const [name, shape] of membersOf(definitions)) {
    components[name] ??= hoisted(shape, components);
  }
}

function membersOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function rewritten(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^#\/\$defs\//, '#/components/schemas/') : value;
}
