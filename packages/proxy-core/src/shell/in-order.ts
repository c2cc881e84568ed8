/** Both actions as one. */
export function inOrder(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}
