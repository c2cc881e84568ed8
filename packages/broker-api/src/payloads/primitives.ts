import {
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type ClusterName,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import { parsedBy } from './parse-payload.ts';

/** An address `host:port`. */
export const nodeAddressSchema: z.ZodType<NodeAddress> = parsedBy(
  parseNodeAddress,
  'an address "host:port"',
  { type: 'string', pattern: '^.+:[0-9]{1,5}$', examples: ['10.0.0.1:6001'] },
);

/** A name of a cluster. */
export const clusterNameSchema: z.ZodType<ClusterName> = parsedBy(
  parseClusterName,
  'a cluster name of 1 to 31 characters out of A-Z a-z 0-9 @ - _',
  { type: 'string', pattern: '^[A-Za-z0-9@_-]{1,31}$' },
);

/** An epoch as a JSON number; its text form is for URLs only. */
export const epochSchema: z.ZodType<Epoch> = parsedBy(
  (value) => (typeof value === 'number' ? parseEpoch(value) : null),
  `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
);

/** A whole number at least 0. */
export const countSchema: z.ZodType<number> = z.int().min(0);

/** The label of a zone: 1 to 255 characters. */
export const zoneSchema: z.ZodType<string> = z.string().min(1).max(255);

/** The weight of a proxy: a whole number from 1 to 1,000. */
export const weightSchema: z.ZodType<number> = z.int().min(1).max(1000);
