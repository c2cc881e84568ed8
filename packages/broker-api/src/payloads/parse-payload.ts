import type { Outcome } from '@undermoon/runtime';
import { z } from 'zod';

/** A refused body: `field` is the path of the first offending member (`nodes[1]`), empty for the whole body. */
export interface PayloadRefusal {
  readonly ok: false;
  readonly code: 'INVALID_BODY';
  readonly message: string;
  readonly field: string;
}

/** A parsed body, or the reason it was refused. */
export type PayloadOutcome<T> = { readonly ok: true; readonly value: T } | PayloadRefusal;

/** Parses a decoded JSON value with a payload's schema. Never throws; unknown members are ignored. */
export function parsePayload<T>(schema: z.ZodType<T>, value: unknown): PayloadOutcome<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const issue = result.error.issues[0];
  const field = fieldPath(issue?.path ?? []);
  const reason = issue?.message ?? 'not valid';
  return { ok: false, code: 'INVALID_BODY', message: `${field || 'body'}: ${reason}`, field };
}

/** Members of a JSON Schema. */
export type JsonShape = Readonly<Record<string, unknown>>;

/** The JSON Schema of what a schema reads. What has an `id` in its meta data is under `$defs`. */
export function jsonSchemaOf(schema: z.ZodType): JsonShape {
  // As a member, because an `id` of the outermost schema would be lost.
  const { properties, $defs } = z.toJSONSchema(z.object({ it: schema }), { io: 'input' });
  const { it } = { ...properties };
  const shape = typeof it === 'object' ? it : {};
  return $defs === undefined ? shape : { ...shape, $defs };
}

/** A schema out of a parser that returns null for what it does not accept; `shape` describes what it does. */
export function parsedBy<T>(
  parse: (value: unknown) => T | null,
  expected: string,
  shape: JsonShape,
): z.ZodType<T> {
  return z
    .unknown()
    .meta(shape)
    .transform((value, context): T => {
      const parsed = parse(value);
      if (parsed !== null) return parsed;
      context.addIssue({ code: 'custom', message: `expected ${expected}` });
      return z.NEVER;
    });
}

// How the metadata parsers' messages begin when the fault is in a member: `nodes[2].repl.role: not …`.
const MEMBER_FAULT = /^([A-Za-z_][\w.[\]]*): (.+)$/s;

/** A schema out of a parser of `@undermoon/cluster-meta`; `shape` describes what it reads. */
export function documentBy<T>(
  parse: (value: unknown) => Outcome<T, 'INVALID_JSON_FIELD'>,
  shape: z.ZodType,
): z.ZodType<T> {
  return z
    .unknown()
    .meta(described(() => jsonSchemaOf(shape)))
    .transform((value, context): T => {
      const parsed = parse(value);
      if (parsed.ok) return parsed.value;
      const [, member, reason] = MEMBER_FAULT.exec(parsed.message) ?? [];
      context.addIssue({
        code: 'custom',
        message: reason ?? parsed.message,
        path: member === undefined ? [] : [member],
      });
      return z.NEVER;
    });
}

/** A JSON object as a map. Own members only, so that a member called `__proto__` is a member like others. */
export function mapOf<K extends string, V>(
  parseKey: (key: string) => K | null,
  expectedKey: string,
  valueSchema: z.ZodType<V>,
): z.ZodType<ReadonlyMap<K, V>> {
  const shape = described(() => ({
    type: 'object',
    additionalProperties: jsonSchemaOf(valueSchema),
  }));
  return z
    .unknown()
    .meta(shape)
    .transform((value, context): ReadonlyMap<K, V> => {
      const map = new Map<K, V>();
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        context.addIssue({ code: 'custom', message: 'expected an object' });
        return z.NEVER;
      }
      for (const [name, member] of Object.entries(value)) {
        const key = parseKey(name);
        if (key === null) {
          context.addIssue({
            code: 'custom',
            path: [name],
            message: `expected ${expectedKey} as key`,
          });
          return z.NEVER;
        }
        const parsed = valueSchema.safeParse(member);
        if (!parsed.success) {
          for (const issue of parsed.error.issues) {
            context.addIssue({
              code: 'custom',
              path: [name, ...issue.path],
              message: issue.message,
            });
          }
          return z.NEVER;
        }
        map.set(key, parsed.data);
      }
      return map;
    });
}

// Made when somebody asks for it: most programs never do.
function described(shape: () => JsonShape): JsonShape {
  return {
    get allOf(): readonly JsonShape[] {
      return [shape()];
    },
  };
}

function fieldPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
