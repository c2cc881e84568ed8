import type { Session } from '../core/session.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { ClientTracking } from './client-tracking.ts';
import type { Client, ProxyContext } from './proxy-context.ts';

/** What a command answers when the proxy executes it for a client, instead of sending it. */
export function capturedReply(client: Client, run: (client: Client) => void): Promise<Buffer> {
  return new Promise((resolve) => {
    const captured = new CapturedClient(client, resolve);
    run(captured);
    if (!captured.isDeferred) resolve(Buffer.concat(captured.replies));
  });
}

/** A client whose own commands take effect but whose replies are kept. Nothing is forwarded for it. */
class CapturedClient implements Client {
  readonly session: Session;
  readonly blocked = null;
  readonly isHeld = false;
  readonly isClosed = false;
  readonly isEnding = false;
  readonly inputBytes = 0;
  readonly outputBytes = 0;
  readonly watching = null;
  readonly place = -1;
  readonly isAccepting = false;
  readonly replies: Buffer[] = [];
  /** The reply comes in a later turn. */
  isDeferred = false;
  readonly #client: Client;
  readonly #onDeferred: (reply: Buffer) => void;

  constructor(client: Client, onDeferred: (reply: Buffer) => void) {
    this.#client = client;
    this.#onDeferred = onDeferred;
    this.session = client.session;
  }

  get context(): ProxyContext {
    return this.#client.context;
  }

  set context(context: ProxyContext) {
    this.#client.context = context;
  }

  get peer(): string {
    return this.#client.peer;
  }

  get tracking(): ClientTracking | null {
    return this.#client.tracking;
  }

  get owner(): Client['owner'] {
    return this.#client.owner;
  }

  get owed(): number {
    return this.#client.owed;
  }

  get activeMs(): number {
    return this.#client.activeMs;
  }

  backendOf(group: BackendGroup): BackendConnection {
    return this.#client.backendOf(group);
  }

  forward(): boolean {
    return false;
  }

  owe(): void {}

  reply(bytes: Buffer): void {
    this.replies.push(bytes);
  }

  push(frame: Uint8Array): void {
    this.#client.push(frame);
  }

  pushBehind(source: BackendConnection, frame: Uint8Array): void {
    this.#client.pushBehind(source, frame);
  }

  flushPushes(): void {}

  deferReply(): void {
    this.isDeferred = true;
  }

  replyDeferred(bytes: Buffer): void {
    this.#onDeferred(bytes);
  }

  leave(): null {
    return null;
  }

  park(): void {}

  whenUnparked(): void {}

  unpark(): void {}

  whenQuiet(action: () => void): void {
    action();
  }

  hold(): void {}

  release(): void {}

  setReplies(): void {}

  skipNextReply(): void {}

  beginSkip(): void {}

  endSkip(): void {}

  endAfterReplies(): void {
    this.#client.endAfterReplies();
  }

  destroy(): void {
    this.#client.destroy();
  }

  onReplyBytes(): void {}

  onReplyLoss(): void {}

  onBackendRoom(): void {}
}
