import type { Buffer } from 'node:buffer';
import type { FrameWords } from '@undermoon/cluster-meta';
import { DEFAULT_RESP_LIMITS, RespWriter } from '@undermoon/resp';
import type { RespProtocol } from '../core/cluster-rendering.ts';
import { controlWarmUpSlices } from '../core/control-warm-up.ts';
import { nodesReplyOf, viewOf, writeReplicas } from './admin-cluster.ts';
import { writeInfo } from './admin-umctl.ts';
import type { RenderedReply } from './cluster-replies.ts';
import { controlRequestOf, type ControlRequest } from './control-request.ts';
import type { ControlSession, ControlState } from './control-state.ts';
import { MetadataQueue } from './metadata-queue.ts';
import { SharedReplies, type ReplyTaker } from './shared-replies.ts';
import { SliceRunner } from './slice-runner.ts';

/** From here on a reply that is there already is handed out in turn with others. */
const HANDED_OUT_BYTES_MIN = 32_768;

/** Commands up to this size are always taken: there are no more of them than clients. */
const SMALL_BYTES = 4096;

type ClusterReply = Exclude<RenderedReply, 'METADATA'>;

/** A reply; or what became of the request instead. */
export type Started = Buffer | 'later' | 'quick';

/**
 * The commands whose work grows with the metadata. It is done in slices, so that a cluster of thousands of
 * proxies or slot ranges never stops the loop for longer than a slice.
 */
export class LaterReplies {
  readonly #state: ControlState;
  readonly #runner: SliceRunner = new SliceRunner();
  readonly #shared: SharedReplies = new SharedReplies(this.#runner);
  readonly #metadata: MetadataQueue;

  constructor(state: ControlState) {
    this.#state = state;
    this.#metadata = new MetadataQueue(state, this.#runner);
  }

  /** Makes the code ready before it is needed. */
  warmUp(): void {
    const { meters, options } = this.#state;
    const wordsOf = (frame: Buffer): FrameWords =>
      controlRequestOf(frame, DEFAULT_RESP_LIMITS).words();
    void this.#runner.run(controlWarmUpSlices(meters, options.announceAddress, wordsOf));
  }

  /** Why a command of this size is not taken now; null: it is. */
  refusalOf(frameBytes: number): string | null {
    const { metadataBytesMax } = this.#state;
    const bytes = this.#metadata.heldBytes + frameBytes;
    if (frameBytes <= SMALL_BYTES || bytes <= metadataBytesMax) return null;
    return `ERR ${bytes} bytes of metadata at once: at most ${metadataBytesMax} (metadataBytesMax)`;
  }

  /**
   * Begins a command. 'later': the taker gets the reply in a later turn. 'quick': it is none of these
   * commands, or takes no time.
   */
  begin(request: ControlRequest, session: ControlSession, taker: ReplyTaker): Started {
    switch (`${request.name} ${request.subcommand}`) {
      case 'UMCTL SETCLUSTER':
      case 'UMCTL SETREPL':
        this.#metadata.add(request, taker);
        return 'later';
      case 'UMCTL INFO':
        return this.#metadataInfo(session.protocol, taker);
      case 'CLUSTER NODES':
        return this.#rendered(request, { kind: nodesReplyOf(session), ...session }, taker);
      case 'CLUSTER SHARDS':
        return this.#rendered(request, { kind: 'SHARDS', ...session }, taker);
      case 'CLUSTER SLOTS':
        return this.#rendered(request, { kind: 'SLOTS', ...session }, taker);
      case 'CLUSTER REPLICAS':
      case 'CLUSTER SLAVES':
        return this.#replicas(request, session, taker);
      default:
        return 'quick';
    }
  }

  /** Drops what is under way. Safe to call twice. */
  close(): void {
    this.#runner.close();
  }

  #rendered(
    request: ControlRequest,
    { kind, protocol }: { readonly kind: ClusterReply; readonly protocol: RespProtocol },
    taker: ReplyTaker,
  ): Started {
    const { clusterReplies, meters, table } = this.#state;
    if (request.wordCount !== 2) return 'quick';
    if (table.clusterName === null && (kind === 'SHARDS' || kind === 'SLOTS')) return 'quick';
    const drawn = clusterReplies.drawnOf(table);
    const known = clusterReplies.cached(drawn, kind, protocol);
    if (known !== null && known.length < HANDED_OUT_BYTES_MIN) return known;
    const meter = meters.of(kind === 'REPLICA NODES' ? 'NODES' : kind);
    const slices = () => clusterReplies.slices(drawn, kind, protocol, meter);
    this.#shared.ask(`${kind} ${protocol}`, { source: drawn, slices }, taker);
    return 'later';
  }

  #replicas(
    request: ControlRequest,
    { protocol, isReplicaPort }: ControlSession,
    taker: ReplyTaker,
  ): Started {
    const { clusterReplies, table } = this.#state;
    const drawn = clusterReplies.drawnOf(table);
    if (request.wordCount !== 3 || drawn.view !== null) return 'quick';
    const state = this.#state;
    const id = request.args()[2]?.toString('latin1') ?? '';
    const slices = function* () {
      const view = yield* viewOf(state, state.meters.of('REPLICAS'));
      const writer = new RespWriter(protocol);
      const selfId = clusterReplies.selfIdIn(table, isReplicaPort);
      writeReplicas(view, { id, selfId }, writer);
      return writer.take();
    };
    this.#shared.ask(
      `REPLICAS ${protocol} ${isReplicaPort} ${id}`,
      { source: drawn, slices },
      taker,
    );
    return 'later';
  }

  #metadataInfo(protocol: RespProtocol, taker: ReplyTaker): Started {
    const state = this.#state;
    const drawn = state.clusterReplies.drawnOf(state.table);
    const meter = state.meters.of('METADATA');
    const slices = function* () {
      const metadata = yield* state.clusterReplies.slices(drawn, 'METADATA', protocol, meter);
      const writer = new RespWriter(protocol);
      writeInfo(state, writer, metadata);
      return writer.take();
    };
    this.#shared.ask(`METADATA ${protocol}`, { source: drawn, slices }, taker);
    return 'later';
  }
}
