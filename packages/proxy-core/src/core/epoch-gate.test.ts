import { parseEpoch, parseNodeAddress } from '@undermoon/cluster-meta';
import { expect, test } from 'vitest';
import { checkGate } from './epoch-gate.ts';

const HERE = '10.0.0.1:7001';

test.each([
  { epoch: 5, held: 4, addresses: [HERE], refusal: null },
  { epoch: 5, held: 5, addresses: [HERE], refusal: 'OLD_EPOCH' },
  { epoch: 4, held: 5, addresses: [HERE], refusal: 'OLD_EPOCH' },
  { epoch: 0, held: 0, addresses: [], refusal: 'OLD_EPOCH' },
  { epoch: 1, held: 0, addresses: [], refusal: null },
  { epoch: 4, held: 5, force: true, addresses: [HERE], refusal: null },
  { epoch: 5, held: 4, addresses: [HERE, '10.0.0.2:7001'], refusal: 'ERR_NOT_MY_META' },
  { epoch: 5, held: 4, addresses: ['10.0.0.11:7001'], refusal: 'ERR_NOT_MY_META' },
  { epoch: 5, held: 4, force: true, addresses: ['redis:7001'], refusal: 'ERR_NOT_MY_META' },
  { epoch: 1, held: 4, addresses: ['redis:7001'], refusal: 'ERR_NOT_MY_META' },
  { epoch: 2, held: 1, announce: '[::1]:5299', addresses: ['[::1]:7001'], refusal: null },
])('%o', ({ epoch, held, force = false, announce, addresses, refusal }) => {
  const localAddresses = addresses.map((address) => parseNodeAddress(address)!);
  const outcome = checkGate(
    { epoch: parseEpoch(epoch)!, force, localAddresses },
    {
      epoch: parseEpoch(held)!,
      announceAddress: parseNodeAddress(announce ?? '10.0.0.1:5299')!,
    },
  );
  expect(outcome).toBe(refusal);
});
