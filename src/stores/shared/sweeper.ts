/** The timer that sweeps a store in the background. */

import { clearInterval, setInterval } from 'node:timers'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { guarded } from '../../core/events.ts'
import { ConfigError } from '../../errors.ts'

/** Sweeps at an interval, from `start` until `close`. Its timer keeps no process alive. */
export interface Sweeper {
  /** Starts the timer; does nothing when it runs. */
  start(): void
  /** Stops the timer, aborts a running sweep and resolves when that has ended. `start` works again afterwards. */
  close(): Promise<void>
}

/**
 * Makes a sweeper, which never runs two sweeps at once.
 *
 * @param store The name of the store's function, for messages.
 * @param interval Time between two sweeps. False: no timer.
 * @param onError Called with what a sweep rejects with, unless the sweep was aborted. Absent: ignored.
 * @throws {ConfigError} When the interval is not a duration, or too long for a timer.
 */
export function sweeper(
  store: string,
  interval: Duration | false,
  sweep: (signal: AbortSignal) => Promise<unknown>,
  onError: ((error: unknown) => void) | undefined,
): Sweeper {
  const period = interval === false ? undefined : milliseconds(interval, `${store}: sweepInterval`)
  // A timer with a longer period fires at once.
  if (period !== undefined && period >= 2 ** 31) {
    throw new ConfigError(
      `${store}: sweepInterval is too long for a timer. Give at most '24d', or false.`,
    )
  }
  const report = guarded(onError, `${store}: onError`)
  let timer: ReturnType<typeof setInterval> | undefined
  let running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined

  async function run({ signal }: AbortController): Promise<void> {
    try {
      await sweep(signal)
    } catch (error) {
      if (!signal.aborted) report(error)
    }
  }

  return {
    start() {
      if (period === undefined || timer !== undefined) return
      timer = setInterval(() => {
        if (running !== undefined) return
        const abort = new AbortController()
        const done = run(abort).finally(() => {
          running = undefined
        })
        running = { abort, done }
      }, period)
      timer.unref()
    },

    async close() {
      clearInterval(timer)
      timer = undefined
      running?.abort.abort()
      await running?.done
    },
  }
}
