/**
 * Starts the tutorial as its users do: as a program of its own.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** How a program ended. */
export interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** A program that was started. */
export interface Program {
  readonly child: ChildProcess
  /** Resolves as soon as the standard output has a match. Rejects when the program ends before. */
  saw(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves when the program has ended, after a signal when one is given. */
  end(signal?: NodeJS.Signals): Promise<Ended>
}

/** A running tutorial. */
export interface Server extends Program {
  readonly url: string
  readonly port: number
}

/** Starts `main.ts` with these settings. */
export function runTutorial(environment: Record<string, string>): Program {
  return runProgram(MAIN, environment)
}

/** Starts a program of the repository with these settings. */
export function runProgram(main: string, environment: Record<string, string>): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', main], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const closed = once(child, 'close').then(() => ({ code: child.exitCode, output, errors }))

  return {
    child,
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output)
          if (match === null) return
          child.stdout.off('data', look)
          resolve(match)
        }
        child.stdout.on('data', look)
        closed.then(() => reject(new Error(`It ended without ${pattern}: ${output}${errors}`)))
        look()
      }),
    end(signal) {
      if (signal !== undefined) child.kill(signal)
      return closed
    },
  }
}

/** Starts the tutorial and waits until it listens. */
export async function startServer(data: string, port = 0): Promise<Server> {
  const program = runTutorial({ VIAL_DATA: data, PORT: String(port) })
  const [url] = await program.saw(/http:\/\/[\d.]+:\d+/)
  return { ...program, url, port: Number(new URL(url).port) }
}

/** Makes an empty data directory; the second function removes it. */
export async function dataDirectory(): Promise<[path: string, remove: () => Promise<void>]> {
  const path = await mkdtemp(join(tmpdir(), 'vial-tutorial-'))
  return [path, () => rm(path, { recursive: true, force: true })]
}

/** Lists the files of the records in a data directory. */
export async function recordFiles(data: string): Promise<string[]> {
  const paths = await readdir(join(data, 'sessions'), { recursive: true })
  return paths.filter((path) => /^[0-9a-f]{2}[\\/][0-9a-f]{64}$/.test(path))
}
