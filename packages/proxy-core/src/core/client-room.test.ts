import { expect, test } from 'vitest';
import { fitOpenFiles, parseOpenFilesMax } from './client-room.ts';

const USE = {
  clientsMax: 10_000,
  dedicatedConnectionsMax: 1000,
  backendConnNum: 2,
  backendConnNumLarge: 8,
};

test.each([
  [Number.POSITIVE_INFINITY, 10_000, 1000],
  [20_000, 10_000, 1000],
  [1024, 672, 224],
  [256, 96, 32],
  [10, 1, 1],
])('with %i open files', (openFilesMax, clientsMax, dedicatedConnectionsMax) => {
  expect(fitOpenFiles(USE, openFilesMax)).toEqual({ clientsMax, dedicatedConnectionsMax });
});

test('what the system says', () => {
  const line = (value: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     
Max processes             96339                96339                processes 
Max open files            ${value.padEnd(20)} 4096                 files     
`;
  expect(parseOpenFilesMax(line('1024'))).toBe(1024);
  expect(parseOpenFilesMax(line('unlimited'))).toBe(Number.POSITIVE_INFINITY);
  expect(parseOpenFilesMax('')).toBe(Number.POSITIVE_INFINITY);
});
