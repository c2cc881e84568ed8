/** Result of a scan: the bytes so far are right, and the frame goes on past the end of the buffer. */
export const INCOMPLETE = -1;

/** Result of a scan: whatever follows, these bytes are not a frame. */
export const MALFORMED = -2;
