/** Waiting for something to become true, by looking often. */

/**
 * Resolves when the check does, looking every 20 ms; an error of the check counts as not yet.
 *
 * @throws {Error} When `limit` ms have passed, with the last reason, or when `hopeless` gives a reason.
 */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  {
    limit = 30_000,
    hopeless = () => undefined,
  }: { limit?: number; hopeless?: () => string | undefined } = {},
): Promise<void> {
  const end = Date.now() + limit
  let cause: unknown
  for (;;) {
    try {
      if (await check()) return
    } catch (error) {
      cause = error
    }
    const reason = hopeless()
    if (reason !== undefined) throw new Error(`${what}: ${reason}`, { cause })
    if (Date.now() > end) throw new Error(`${what} did not come within ${limit} ms`, { cause })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
