import { openHandleChannel, receiveHandles } from './handle-channel.ts';

const TIMEOUT_MS = 2000;

/**
 * Other handles, with descriptors of their own, of what a handle of this thread is of: the thread sends it to itself. Fewer than
 * `count`, or none, where the runtime cannot do it or the process has too many descriptors.
 */
export async function copiesOf(handle: object, count: number): Promise<readonly object[]> {
  if (count < 1) return [];
  const sender = await openHandleChannel().catch(() => null);
  if (sender === null) return [];
  return new Promise((resolve) => {
    const copies: object[] = [];
    let left = count;
    const finish = (): void => {
      clearTimeout(timer);
      receiver?.close();
      sender.close();
      resolve(copies);
    };
    const timer = setTimeout(finish, TIMEOUT_MS);
    const receiver = receiveHandles(sender.receiverFd, (copy) => {
      if (copy !== null) copies.push(copy);
      left--;
      if (left === 0) finish();
    });
    const isSent =
      receiver !== null && Array.from({ length: count }).every(() => sender.sendCopy(handle));
    if (!isSent) finish();
  });
}
