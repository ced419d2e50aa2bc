/** The processes of the application, each with its servers. */

import { fork } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import {
  distant,
  expressVisits,
  naive,
  type Site,
  startSite,
  type Visits,
  vialVisits,
} from './site.ts'
import { BACKENDS, type Backend, type Place } from './stores.ts'

/** Whether a run is about vial's sessions, or about what stands next to them in the table. */
export type Kind = 'vial' | 'peer'

/** The name of the peer in the table; undefined: none, as the store itself loses. */
export function peerOf(backend: Backend): string | undefined {
  if (backend.peer !== undefined) return `express-session, ${backend.peer.name}`
  return backend.notAtomic ? undefined : 'the same store, read then written'
}

/** What a process is started with. */
export interface Setup {
  readonly backend: string
  readonly kind: Kind
  readonly place: Place
  /** The time limit of a commit on the distant servers, in ms. Absent: vial's own. */
  readonly timeout?: number
}

/** The ports of the servers: `near` for the commits and logouts, `far` with a network before the store. */
export interface Ports {
  readonly near: readonly number[]
  readonly far: readonly number[]
}

export interface Running {
  readonly ports: Ports
  end(): Promise<void>
}

/** A race of eight processes on a small machine takes longer than a server should. */
const PATIENT = 30_000
/** The simulated network, in ms each way. */
export const LATENCY = 2

/** Starts servers of the application in each of `count` processes; those of a store in one process all in this one. */
export async function startProcesses(setup: Setup, count: number): Promise<Running> {
  const backend = backendOf(setup.backend)
  if (backend.oneProcess) return startSites(setup, count)
  const children: Child[] = []
  const end = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.end()))
  }
  const start = (first: boolean): Promise<Ports> => {
    const place = { ...setup.place, first }
    const child = startChild(backend.node?.() ?? process.execPath, { ...setup, place })
    children.push(child)
    return child.ports
  }
  try {
    const all = [await start(true)]
    all.push(...(await Promise.all(Array.from({ length: count - 1 }, () => start(false)))))
    const ports = { near: all.flatMap(({ near }) => near), far: all.flatMap(({ far }) => far) }
    return { ports, end }
  } catch (error) {
    await end()
    throw error
  }
}

/** Starts `count` servers in this process, near and far, which share nothing but the store. */
export async function startSites(setup: Setup, count: number): Promise<Running> {
  const opened = await openVisits(setup)
  const start = (make: (() => Visits) | undefined): Promise<Site[]> =>
    Promise.all(make === undefined ? [] : Array.from({ length: count }, () => startSite(make())))
  const [near, far] = [await start(opened.near), await start(opened.far)]
  const portsOf = (sites: readonly Site[]): number[] => sites.map(({ port }) => port)
  return {
    ports: { near: portsOf(near), far: portsOf(far) },
    async end() {
      await Promise.all([...near, ...far].map((site) => site.close()))
      await opened.close()
    },
  }
}

async function openVisits({ backend: name, kind, place, timeout }: Setup): Promise<{
  readonly near: () => Visits
  readonly far?: () => Visits
  readonly close: () => unknown
}> {
  const backend = backendOf(name)
  if (kind === 'peer' && backend.peer !== undefined) {
    const { store, close } = await backend.peer.open(place)
    return { close, near: () => expressVisits(store) }
  }
  const { store, close } = await backend.open(place)
  if (kind === 'peer') return { close, near: () => vialVisits(naive(store), PATIENT) }
  return {
    close,
    near: () => vialVisits(store, PATIENT),
    far: () => vialVisits(distant(store, LATENCY), timeout),
  }
}

function backendOf(name: string): Backend {
  const backend = BACKENDS[name]
  if (backend === undefined) throw new Error(`There is no store '${name}' in the race.`)
  return backend
}

interface Child {
  readonly ports: Promise<Ports>
  end(): Promise<void>
}

function startChild(node: string, setup: Setup): Child {
  const script = fileURLToPath(new URL('./server.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(setup)], {
    execPath: node,
    execArgv: ['--no-warnings', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4_000)
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const ports = new Promise<Ports>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Ports))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const why = /^\w*Error.*$/m.exec(complaint)?.[0] ?? complaint.trim()
      reject(new Error(`a process ended with ${code ?? signal}: ${why}`))
    })
  })
  return {
    ports,
    async end() {
      if (child.connected) child.send('end', (error) => void (error && child.kill()))
      await ended
    },
  }
}
