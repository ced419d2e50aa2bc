/** The machine of a run: its name in a report, and its idle processors. */

import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import process from 'node:process'

/** One line about this machine and the day: what a figure holds for. */
export function machine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const day = new Date().toISOString().slice(0, 10)
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${memory} GiB, ${process.platform}, Node ${process.versions.node}, ${day}`
}

const PARAMETER = '/sys/module/haltpoll/parameters/guest_halt_poll_ns'
/** Longer than the load generator ever waits for one of its connections. */
const POLL_NS = '500000'

/**
 * Lets idle processors wait a moment before they sleep, until this process ends. On a virtual machine, the process that
 * wakes a sleeping processor pays up to 20 µs, and the load generator sleeps whenever its server is slower than itself:
 * each response of a slow server would cost that much more than one of a fast server. Needs Linux as a guest, and root.
 *
 * @returns What was done, for the head of a report.
 */
export function keepAwake(): string {
  let before: string
  try {
    before = readFileSync(PARAMETER, 'utf8').trim()
    writeFileSync(PARAMETER, POLL_NS)
  } catch {
    return 'processors sleep at once'
  }
  process.on('exit', () => writeFileSync(PARAMETER, before))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(1))
  }
  return 'processors wait before they sleep'
}
