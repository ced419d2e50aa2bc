/** A process with one store, which is asked to fill it and to measure it: one heap must not disturb another. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { StoreName } from '../common/stores.ts'

export type StoredQuestion =
  | { readonly do: 'open'; readonly store: StoreName }
  /** How many sessions in all; then how many requests of each kind that are not measured. */
  | { readonly do: 'fill'; readonly upTo: number; readonly warmUp: number }
  | { readonly do: 'measure'; readonly what: What; readonly ms: number }

export type What = 'read' | 'write'

export interface Window {
  readonly operations: number
  /** CPU of the process, in µs for each operation. */
  readonly cpu: number
  /** From the beginning of an operation to its end, in µs. */
  readonly time: number
}

export type Answer = { readonly value: unknown } | { readonly error: string }

export interface Child {
  /** One question at a time. */
  ask<Value>(question: StoredQuestion): Promise<Value>
  /** Lets the process close its store, and waits for its end. */
  end(): Promise<void>
}

/** @param heap The largest heap of V8, in MiB. */
export function startChild(heap: number): Child {
  const child = fork(fileURLToPath(new URL('store-process.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--no-warnings', `--max-old-space-size=${heap}`],
    env: process.env,
    // Its output must not get between the tables.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit')
  return {
    async ask<Value>(question: StoredQuestion): Promise<Value> {
      const done = new AbortController()
      try {
        const answered = once(child, 'message', { signal: done.signal }).then(
          ([one]) => one as Answer,
        )
        child.send(question)
        const ended = gone.then(([code, signal]) => ({ error: `it ended with ${signal ?? code}` }))
        const answer = await Promise.race([answered, ended])
        if ('error' in answer) throw new Error(answer.error)
        return answer.value as Value
      } finally {
        done.abort()
      }
    },
    async end() {
      if (child.connected) child.disconnect()
      await gone
    },
  }
}
