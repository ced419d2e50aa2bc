import { cpus, totalmem } from 'node:os'
import process from 'node:process'

/** What a figure holds for: one line about this machine and the day. */
export function machine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const day = new Date().toISOString().slice(0, 10)
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${memory} GiB, ${process.platform}, Node ${process.versions.node}, ${day}`
}
