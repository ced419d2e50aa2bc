/**
 * Starts the Flask half as a program of its own.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What the program is told: a type of Flask-Session, and where its sessions are. */
export interface FlaskSettings {
  readonly type: 'redis' | 'sqlalchemy'
  readonly url: string
}

export interface FlaskProcess {
  readonly port: number
  /** Ends it, and resolves when it has ended. */
  end(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL('flask_site.py', import.meta.url))

/** Resolves when Flask listens. Rejects with what it said when it does not. */
export function startFlask(python: string, settings: FlaskSettings): Promise<FlaskProcess> {
  const child = spawn(python, [PROGRAM, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const end = () => {
    child.kill('SIGTERM')
    return ended
  }
  // Python would go on without the terminal that it was started from.
  process.once('exit', () => child.kill('SIGTERM'))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000)
  })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const port = /listening on (\d+)/.exec(output)?.[1]
      if (port !== undefined) resolve({ port: Number(port), end })
    })
    child.once('error', reject)
    child.once('close', () => reject(new Error(`Flask ended before it listened:\n${errors}`)))
  })
}
