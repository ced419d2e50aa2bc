/** A real Flask in a process of its own: `interop/peers/flask_site.py`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../interop/peers/flask_site.py', import.meta.url))

/** What `flask_site.py` is asked for. */
export interface FlaskSettings {
  readonly backend: string
  readonly format: string
  /** The format whose values it writes. */
  readonly values: string
  readonly signer: boolean
  readonly secret: string
  /** `PERMANENT_SESSION_LIFETIME`, s. */
  readonly lifetime: number
  readonly url?: string
  readonly name?: string
  readonly folder?: string
  readonly borrow?: Readonly<Record<string, string>>
}

export interface FlaskPeer {
  readonly origin: string
  /** Of Python and its packages. */
  readonly versions: Readonly<Record<string, string>>
  /** Of the values that it writes. */
  readonly names: readonly string[]
  stop(): Promise<void>
}

/** Resolves once it serves. Rejects with what it said when it does not. */
export async function startFlask(python: string, settings: FlaskSettings): Promise<FlaskPeer> {
  const child = spawn(python, [SCRIPT, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Flask-Session takes UTC for local time when it writes to DynamoDB.
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8', TZ: 'UTC' },
  })
  const said: string[] = []
  child.on('error', (error) => said.push(error.message))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const line = await Promise.race([firstLine(child), once(child, 'close').then(() => undefined)])
  if (line === undefined) throw new Error(`Flask did not start:\n${said.join('')}`)
  const { port, versions, names } = JSON.parse(line) as Omit<FlaskPeer, 'origin'> & { port: number }
  return {
    origin: `http://127.0.0.1:${port}`,
    versions,
    names,
    async stop() {
      const ended = once(child, 'close')
      child.stdin.end()
      await ended
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = (await once(lines, 'line')) as [string]
  return line
}
