/** A process of its own that is asked, in JSON, to measure something: what is in one heap must not disturb another's. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export interface ChildOptions {
  /** The build of vial to measure; absent: the current one. */
  readonly dist?: string | undefined
  /** The most of V8's heap, in MiB; absent: Node's own limit. */
  readonly heap?: number
  /** The most of its young generation, in MiB; absent: Node's own, which grows in steps for minutes. */
  readonly young?: number
}

export interface Child {
  /** One question at a time. */
  ask<Answer>(question: unknown): Promise<Answer>
  /** Lets it put away what it has, and waits for its end. */
  end(): Promise<void>
}

type Told = { readonly value: unknown } | { readonly error: string }

/** Starts a file of this folder that calls {@link answerQuestions}. */
export function startChild(file: string, { dist, heap, young }: ChildOptions = {}): Child {
  const flags = [
    ...(heap === undefined ? [] : [`--max-old-space-size=${heap}`]),
    ...(young === undefined ? [] : [`--max-semi-space-size=${young}`]),
  ]
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning', ...flags],
    env: { ...process.env, ...(dist !== undefined && { VIAL_DIST: dist }) },
    // Its output, such as warnings, must not get between the tables.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit')
  return {
    async ask<Answer>(question: unknown): Promise<Answer> {
      const done = new AbortController()
      try {
        const told = once(child, 'message', { signal: done.signal }).then(([one]) => one as Told)
        child.send(question as object)
        const ended = gone.then(([code, signal]) => ({ error: `it ended with ${signal ?? code}` }))
        const answer = await Promise.race([told, ended])
        if ('error' in answer) throw new Error(`${file}: ${answer.error}`)
        return answer.value as Answer
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

/** Asks one question of a process of its own. */
export async function askOnce<Answer>(
  file: string,
  question: unknown,
  options?: ChildOptions,
): Promise<Answer> {
  const child = startChild(file, options)
  try {
    return await child.ask<Answer>(question)
  } finally {
    await child.end()
  }
}

/**
 * In the child: answers until the parent has had enough.
 *
 * @param putAway Ends what the answers have started.
 */
export function answerQuestions<Question>(
  answer: (question: Question) => Promise<unknown>,
  putAway: () => unknown = () => undefined,
): void {
  process.on('message', async (question: Question) => {
    try {
      tell({ value: await answer(question) })
    } catch (error) {
      tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', async () => {
    await putAway()
    process.exit()
  })
}

function tell(told: Told): void {
  if (process.connected) process.send?.(told)
}

/** Collects what can be collected, several times, as finalizers free more. */
export async function collect(): Promise<void> {
  for (let time = 0; time < 4; time++) {
    globalThis.gc?.()
    await aMoment()
  }
}

/** V8 sweeps on other threads for a while, and their time is the process's: until there is next to none, or two seconds. */
export async function rest(): Promise<void> {
  for (let time = 0; time < 100; time++) {
    const before = process.cpuUsage()
    await aMoment()
    const { user, system } = process.cpuUsage(before)
    if (user + system < 1_000) return
  }
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
