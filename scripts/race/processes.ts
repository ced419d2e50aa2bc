/** The processes of the application. */

import { type ChildProcess, fork } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Backend, Place } from './backend.ts'
import { type Kind, type Running, startSites } from './contender.ts'

/** Starts a server in each of `count` processes; where the store lives in one process, all of them in this one. */
export async function startProcesses(
  name: string,
  backend: Backend,
  kind: Kind,
  place: Omit<Place, 'first'>,
  count: number,
): Promise<Running> {
  if (backend.oneProcess) return startSites(backend, kind, { ...place, first: true }, count)
  const node = backend.node?.() ?? process.execPath
  const children: Child[] = []
  const end = async () => {
    // The first one removes what all have used.
    const [first, ...others] = children
    await Promise.all(others.map((child) => child.end()))
    await first?.end()
  }
  const start = async (first: boolean) => {
    const child = startChild(node, [name, kind, JSON.stringify({ ...place, first })])
    children.push(child)
    return child.ports
  }
  try {
    const ports = await start(true)
    const more = await Promise.all(Array.from({ length: count - 1 }, () => start(false)))
    return { ports: [...ports, ...more.flat()], end }
  } catch (error) {
    await end()
    throw error
  }
}

interface Child {
  readonly ports: Promise<readonly number[]>
  end(): Promise<void>
}

function startChild(node: string, args: readonly string[]): Child {
  const script = fileURLToPath(new URL('./server.ts', import.meta.url))
  const child = fork(script, args, {
    execPath: node,
    execArgv: ['--no-warnings', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4_000)
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    ports: new Promise((resolve, reject) => {
      child.once('message', (ports) => resolve(ports as number[]))
      child.once('error', reject)
      child.once('close', (code, signal) => {
        const why = /^\w*Error.*$/m.exec(complaint)?.[0] ?? complaint.trim()
        reject(new Error(`a process ended with ${code ?? signal}: ${why}`))
      })
    }),
    async end() {
      sayEnd(child)
      await ended
    },
  }
}

function sayEnd(child: ChildProcess): void {
  if (child.connected) child.send('end', (error) => void (error && child.kill()))
}
