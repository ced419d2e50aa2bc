/**
 * The background sweep of a store.
 *
 * @module
 */

import { clearInterval, setInterval } from 'node:timers'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { ConfigError } from '../../errors.ts'
import { heard } from './heard.ts'

/** Sweeps now and then, from `start` until `close`. Keeps no process alive. */
export interface Sweeper {
  /** Does nothing when it has started. */
  start(): void
  /** Resolves when no sweep runs. It may start again. */
  close(): Promise<void>
}

/**
 * Makes one; two sweeps never run at once.
 *
 * @param store Whose it is, for messages.
 * @param interval False: it never sweeps.
 * @throws {ConfigError} When the interval is none, or too long for a timer.
 */
export function sweeper(
  store: string,
  interval: Duration | false,
  sweep: (signal: AbortSignal) => Promise<unknown>,
  onError: ((error: unknown) => void) | undefined,
): Sweeper {
  const length = interval === false ? undefined : milliseconds(interval, `${store}: sweepInterval`)
  // A longer one would make the timer fire at once.
  if (length !== undefined && length >= 2 ** 31) {
    throw new ConfigError(
      `${store}: sweepInterval is too long for a timer. Give at most '24d', or false.`,
    )
  }
  const hear = heard(onError)
  let timer: ReturnType<typeof setInterval> | undefined
  let running: { readonly stop: AbortController; readonly done: Promise<void> } | undefined

  function run(): void {
    if (running !== undefined) return
    const stop = new AbortController()
    const done = sweep(stop.signal)
      .then(
        () => undefined,
        (error: unknown) => (stop.signal.aborted ? undefined : hear(error)),
      )
      .then(() => {
        running = undefined
      })
    running = { stop, done }
  }

  return {
    start() {
      if (length === undefined || timer !== undefined) return
      timer = setInterval(run, length)
      timer.unref()
    },
    async close() {
      clearInterval(timer)
      timer = undefined
      running?.stop.abort()
      await running?.done
    },
  }
}
