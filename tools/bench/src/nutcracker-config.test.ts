import { expect, it } from 'vitest';
import { nutcrackerConfig } from './nutcracker-config.ts';

it('names the port and every Redis', () => {
  const text = nutcrackerConfig({ port: 28_501, redisPorts: [28_502, 28_503] });
  expect(text).toContain('\n  listen: 127.0.0.1:28501\n');
  expect(text).toMatch(/\n {2}servers:\n {3}- 127\.0\.0\.1:28502:1\n {3}- 127\.0\.0\.1:28503:1\n$/);
});
