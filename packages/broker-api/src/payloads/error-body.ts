import { z } from 'zod';

/**
 * An error body. `error` is the code. The original sends nothing else, except for INVALID_CONFIG, whose
 * `message` is `FIELD_NOT_FOUND` or `INVALID_VALUE` and which names `key` and `value`.
 */
export interface ErrorBody {
  readonly error: string;
  readonly message?: string | undefined;
  /** Path of the offending member of the request, e.g. `nodes[1]`. */
  readonly field?: string | undefined;
  readonly key?: string | undefined;
  readonly value?: string | undefined;
}

/** Reads an error body. The code is any text: a newer broker may know more of them. */
export const errorBodySchema: z.ZodType<ErrorBody> = z.object({
  error: z.string(),
  message: z.string().optional(),
  field: z.string().optional(),
  key: z.string().optional(),
  value: z.string().optional(),
});
