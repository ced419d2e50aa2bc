/**
 * Deadlines as Memcached's `exptime`. The server counts whole seconds, and its count is moved once a second, so its
 * time is up to two seconds old. All lengths here are rounded up by as much: a session is never cut short, and may
 * live up to four seconds longer.
 *
 * @module
 */

/** How much longer a record may live than it was meant to, in ms. */
export const RESOLUTION = 4_000

/** The longest exptime that is a length of time, in seconds: 30 days. Anything longer is an instant. */
const LONGEST_LENGTH = 2_592_000
/** The server reads exptime into 32 bits. What is later ends as soon as it is written, so it never ends instead. */
const LATEST_INSTANT = 2_147_483_647
const NEVER = 0

/** The exptime of a deadline in the future; instants are of this machine's clock, which the server's has to agree with. */
export function exptimeOf(expiresAt: number, now: number): number {
  const length = Math.ceil((expiresAt - now) / 1_000) + 2
  if (length <= LONGEST_LENGTH) return length
  const instant = Math.ceil(expiresAt / 1_000) + 1
  return instant <= LATEST_INSTANT ? instant : NEVER
}

/** The deadline that the seconds left tell, to about a second; undefined: never, or the server did not say. */
export function deadlineOf(secondsLeft: string | undefined, now: number): number | undefined {
  if (secondsLeft === undefined || !/^\d+$/.test(secondsLeft)) return undefined
  return now + (Number(secondsLeft) - 1) * 1_000
}
