import { expect, it } from 'vitest';
import { silentLogger } from './logger.ts';

it('drops lines of every level', () => {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    expect(silentLogger[level]({ port: 1 }, 'listening')).toBeUndefined();
  }
});
