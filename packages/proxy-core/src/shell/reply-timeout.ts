/**
 * How long servers and other proxies may take to answer. One object for all connections of a loop: it can be changed at
 * any time.
 */
export interface ReplyTimeout {
  ms: number;
}
