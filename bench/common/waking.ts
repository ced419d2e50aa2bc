/**
 * Keeps the load generator's sleep out of the server's bill. On a virtual machine, whoever wakes a processor that sleeps
 * pays for it, up to 20 µs, and the load generator sleeps when its server is slower than itself: so each response of a
 * slow server would cost that much more than one of a fast one. Linux guests can wait a moment before they sleep.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'

const PARAMETER = '/sys/module/haltpoll/parameters/guest_halt_poll_ns'
/** Longer than the load generator ever waits for one of its connections. */
const POLL_NS = '500000'

/** What was done about it, for the head of a report. */
export type Waking = 'processors wait before they sleep' | 'processors sleep at once'

/** Until the process ends; then it is as it was. */
export function keepAwake(): Waking {
  let before: string
  try {
    before = readFileSync(PARAMETER, 'utf8').trim()
    writeFileSync(PARAMETER, POLL_NS)
  } catch {
    // Another system, no virtual machine, or no right to.
    return 'processors sleep at once'
  }
  const restore = (): void => writeFileSync(PARAMETER, before)
  process.on('exit', restore)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(1))
  }
  return 'processors wait before they sleep'
}
