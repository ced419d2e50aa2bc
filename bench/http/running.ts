/** A server process as the bench sees it. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url))

/**
 * A server that waits for its turn is idle for minutes, as none in use is, and V8 would forget its code meanwhile: each
 * window would begin with compiling, the longer the more code there is.
 */
const STAYS_COMPILED = ['--no-flush-bytecode', '--no-memory-reducer'] as const

/**
 * V8 gives a program more room for what is new when much of it survived, as while sessions are filled, and then collects
 * less often: bare servers, whose room stayed small, cost up to a fifth more than with this.
 */
const SAME_ROOM = ['--min-semi-space-size=16', '--max-semi-space-size=16'] as const

/** Of the whole process so far, µs. */
export interface CpuTime {
  readonly user: number
  readonly system: number
}

export interface Running {
  readonly url: string
  cpu(): Promise<CpuTime>
  stop(): Promise<void>
}

/** @param env What the process gets besides ours, such as `VIAL_DIST`. */
export async function start(
  framework: string,
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const child = fork(SERVER, [framework, name], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    execArgv: ['--no-warnings', ...STAYS_COMPILED, ...SAME_ROOM],
  })
  const { port } = (await message(child)) as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    async cpu() {
      child.send('cpu')
      return (await message(child)) as CpuTime
    },
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function message(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController()
  const [got] = (await Promise.race([
    once(child, 'message', { signal: ended.signal }),
    once(child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`the server ended with code ${String(code)}`)
    }),
  ]).finally(() => ended.abort())) as [unknown]
  return got
}
