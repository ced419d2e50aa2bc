/**
 * Notices the end of npm.
 *
 * @module
 */

import process from 'node:process'

const LOOK_EVERY = 200

/**
 * Calls `end` when npm was ended. It runs scripts in a shell, and that shell ends at a SIGTERM without passing it on, so
 * the server would run on alone. Does nothing when the program was not started by npm.
 */
export function endWithNpm(end: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    end()
  }, LOOK_EVERY)
  timer.unref()
}
