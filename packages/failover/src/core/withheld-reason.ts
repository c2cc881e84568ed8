/** Why a proxy with a dead master is not failed over. */
export type WithheldReason =
  /** The proxy beside the replica does not answer, or is marked failed. */
  | 'PARTNER_DOWN'
  /** The replica cannot be reached either. */
  | 'REPLICA_DOWN'
  /** Nobody can say that the replica has what the master had. */
  | 'COPY_UNKNOWN'
  /** The replica was complete for the last time long before the master was missed. */
  | 'COPY_OLD'
  /** Masters of most proxies are missed at once. */
  | 'MASS_FAILURE';
