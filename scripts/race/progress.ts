/** One line about work that takes more than two seconds; where it cannot be written over, one now and then. */

import process from 'node:process'

const PATIENCE = 2_000
const terminal = process.stderr.isTTY === true
let shown = false

/** Makes the reporter of one piece of work. Lines come at most twice a second, without a terminal every ten. */
export function progressOf(label: string): (line: string) => void {
  let due = performance.now() + PATIENCE
  return (line) => {
    if (performance.now() < due) return
    due = performance.now() + (terminal ? 500 : 10_000)
    clear()
    process.stderr.write(`${label}: ${line} …${terminal ? '' : '\n'}`)
    shown = terminal
  }
}

/** Writes a line that stays. */
export function say(line: string): void {
  clear()
  process.stderr.write(`${line}\n`)
}

/** Takes the last line of progress away. */
export function clear(): void {
  if (shown) process.stderr.write('\r\u001b[K')
  shown = false
}
