import { nextEpoch } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { BrokerError, createBroker, type CustomRoute } from '../src/index.ts';
import { startBroker } from './http-fixture.ts';

const handle: CustomRoute['handle'] = () => ({});

describe('routes of the embedding program', () => {
  test('get the request and answer what they like', async () => {
    const { ask } = await startBroker({
      routes: [
        {
          method: 'PUT',
          path: '/echo/:word',
          hasBody: true,
          handle: ({ params, query, body, requestId }) => ({
            status: 201,
            headers: { 'x-own': 'yes' },
            json: { word: params['word'], query, body, requestId },
          }),
        },
        { method: 'GET', path: '/text', handle: () => ({ text: 'plain' }) },
        { method: 'GET', path: '/nothing', handle: () => Promise.resolve({ status: 204 }) },
      ],
    });
    const echo = await ask('PUT', '/echo/a?b=c', { d: 1 }, { 'x-request-id': 'r1' });
    expect([echo.status, echo.headers.get('x-own')]).toEqual([201, 'yes']);
    expect(echo.json).toEqual({ word: 'a', query: { b: 'c' }, body: { d: 1 }, requestId: 'r1' });
    const text = await ask('GET', '/text');
    expect([text.text, text.headers.get('content-type')]).toEqual([
      'plain',
      'text/plain; charset=utf-8',
    ]);
    expect((await ask('GET', '/nothing')).status).toBe(204);
    expect((await ask('PUT', '/echo/a', '{')).json).toMatchObject({ error: 'INVALID_BODY' });
  });

  test('change the store as the API does: audited, and told to watchers', async () => {
    const { ask, client, broker } = await startBroker({
      routes: [
        {
          method: 'POST',
          path: '/raise',
          handle: async (_request, { run, state }) => {
            const epoch = nextEpoch(state().globalEpoch);
            return { json: await run({ kind: 'set-epoch', epoch }) };
          },
        },
      ],
    });
    const start = await client.watch(null);
    const waiting = client.watch(start);
    const answer = await ask('POST', '/raise', undefined, { 'x-request-id': 'r7' });
    expect(answer.json).toEqual({ ok: true, value: null });
    expect(broker.state().globalEpoch).toBe(1);
    expect((await waiting).epoch).toBe(1);
    expect((await ask('GET', '/api/v3/audit')).json).toMatchObject({
      entries: [{ command: 'set-epoch', epoch_before: 0, epoch_after: 1, request_id: 'r7' }],
    });
  });

  test('that fail are answered by their code, others as INTERNAL', async () => {
    const failWith = (error: Error): CustomRoute['handle'] => {
      return () => {
        throw error;
      };
    };
    const coded = new BrokerError('NO_AVAILABLE_RESOURCE', 'full', { field: 'x' });
    const { ask } = await startBroker({
      routes: [
        { method: 'GET', path: '/coded', handle: failWith(coded) },
        { method: 'GET', path: '/broken', handle: failWith(new Error('secret')) },
      ],
    });
    const answer = await ask('GET', '/coded');
    expect([answer.status, answer.json]).toEqual([
      409,
      { error: 'NO_AVAILABLE_RESOURCE', message: 'full', field: 'x' },
    ]);
    const broken = await ask('GET', '/broken');
    expect([broken.status, broken.text.includes('secret')]).toEqual([500, false]);
  });

  test.each([
    ['/api/v3/own', 'is under /api/v3'],
    ['/api/v3', 'is under /api/v3'],
    ['/healthz', 'is taken'],
    ['/api/v2/proxies/failover/:other', 'is taken'],
    ['own', 'is not a path'],
    ['/a b', 'is not a path'],
    ['/own/', 'is not a path'],
    ['/own/*', 'is not a path'],
  ])('may not be at %s', (path, reason) => {
    const method = path.includes('failover') ? 'POST' : 'GET';
    expect(() => createBroker({ routes: [{ method, path, handle }] })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(reason) as string,
      }) as Error,
    );
  });

  test('may not be there twice', () => {
    const routes = ['/a/:b', '/a/:c'].map((path) => ({ method: 'GET', path, handle }) as const);
    expect(() => createBroker({ routes })).toThrow('routes[1]: GET /a/:c is taken');
  });
});
