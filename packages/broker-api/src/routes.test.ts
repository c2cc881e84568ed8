import { describe, expect, test } from 'vitest';
import { BROKER_ROUTES, routePath } from './routes.ts';

describe('routePath', () => {
  test.each([
    [routePath('epoch'), '/api/v3/epoch'],
    [routePath('proxy', { address: '10.0.0.1:6001' }), '/api/v3/proxies/meta/10.0.0.1:6001'],
    [routePath('proxy', { address: '[::1]:6001' }), '/api/v3/proxies/meta/[::1]:6001'],
    [routePath('failoverV2', { address: 'a:1' }), '/api/v2/proxies/failover/a:1'],
    [routePath('setEpoch', { epoch: 7 }), '/api/v3/epoch/7'],
    [
      routePath('reportFailure', { address: 'a:1', reporterId: 'x/y?z#%ü' }),
      '/api/v3/failures/a:1/x%2Fy%3Fz%23%25%C3%BC',
    ],
    [
      routePath('clusterNames', {}, { offset: 100, limit: 100 }),
      '/api/v3/clusters/names?offset=100&limit=100',
    ],
  ])('%s', (path, expected) => {
    expect(path).toBe(expected);
  });

  test.each(['', '.', '..', undefined])('refuses the parameter %j', (address) => {
    const params: Record<string, string> = address === undefined ? {} : { address };
    expect(() => routePath('proxy', params)).toThrow('route proxy: parameter address is empty');
  });
});

test('no two routes are the same', () => {
  const routes = Object.values(BROKER_ROUTES).map(({ method, path }) => `${method} ${path}`);
  expect(new Set(routes).size).toBe(routes.length);
});
