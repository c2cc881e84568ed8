import { connect } from 'node:net';

export interface PingOptions {
  readonly port: number;
  readonly password: string | undefined;
  readonly signal: AbortSignal;
}

/** Resolves once the server at 127.0.0.1 answers PING with PONG; rejects on any other answer. */
export function pingRedis({ port, password, signal }: PingOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', signal });
    const auth =
      password === undefined
        ? ''
        : `*2\r\n$4\r\nAUTH\r\n$${Buffer.byteLength(password)}\r\n${password}\r\n`;
    const expected = `${auth === '' ? '' : '+OK\r\n'}+PONG\r\n`;
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
      if (answer === expected) resolve();
      else if (!expected.startsWith(answer))
        reject(new Error(`PING was answered by ${JSON.stringify(answer)}`));
      else return;
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed before PONG')));
    socket.write(`${auth}*1\r\n$4\r\nPING\r\n`);
  });
}
