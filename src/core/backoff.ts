/**
 * How long a commit waits before it tries again.
 *
 * @module
 */

/** Full jitter up to 20 ms: many writers of one session spread out, and one loser loses little time. */
export function backoff(attempt: number): Promise<void> {
  const longest = Math.min(20, 2 ** attempt)
  return new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
}
