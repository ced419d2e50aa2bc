/** A server process as the bench sees it. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url))

const FLAGS = [
  '--no-warnings',
  // A server that waits for its next window is idle for a while, and V8 would drop its compiled code meanwhile.
  '--no-flush-bytecode',
  '--no-memory-reducer',
  // V8 enlarges the young generation when much survives, as while sessions are filled, and then collects less often: bare
  // servers, whose young generation stayed small, cost up to a fifth more than with this.
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
]

/** A running server. */
export interface Serving {
  readonly url: string
  /** CPU time of the whole process so far, user and system, in µs. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

/** @param build The folder of the build of vial to serve with. Absent: the current one. */
export async function startServer(
  framework: string,
  name: string,
  build: string | undefined,
): Promise<Serving> {
  const child = fork(SERVER, [framework, name], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      ...(build !== undefined && { VIAL_BUILD: build }),
    },
    execArgv: FLAGS,
  })
  const port = await answerOf(child)
  return {
    url: `http://127.0.0.1:${port}`,
    cpu() {
      child.send('cpu')
      return answerOf(child)
    },
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function answerOf(child: ChildProcess): Promise<number> {
  const ended = new AbortController()
  try {
    return await Promise.race([
      once(child, 'message', { signal: ended.signal }).then(([answer]) => answer as number),
      once(child, 'exit', { signal: ended.signal }).then(([code]) => {
        throw new Error(`the server ended with code ${String(code)}`)
      }),
    ])
  } finally {
    ended.abort()
  }
}
