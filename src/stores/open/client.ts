/**
 * What the openers of stores have in common: what they are told and give, and how they load a client from the packages
 * of the program.
 *
 * @module
 */

import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Store } from '../../core/store.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import type { StoreUrl } from './url.ts'

/** Loads a package by its name, as `import()` does. */
export type LoadPackage = (name: string) => Promise<unknown>

/** What an opener is told beside the URL. */
export interface OpenContext {
  readonly load: LoadPackage
  /** Hears what fails where no caller waits. */
  readonly onError: (error: unknown) => void
  readonly now: () => number
}

/** A store with the client that was made for it. */
export interface OpenedStore {
  readonly store: Store
  /** Makes what the store needs on its server. */
  readonly prepare?: () => Promise<unknown>
  /** Ends the client once it has the answers that are due. */
  readonly end: () => unknown
  /** Ends its connections at once, where it would wait for a server that is silent. */
  readonly cut?: () => void
}

export type Opener = (url: StoreUrl, context: OpenContext) => Promise<OpenedStore>

/** How long a client tries to reach its server, in ms. An operation has its own, shorter deadline. */
export const CONNECT_TIMEOUT = 5_000

const LATE: unique symbol = Symbol('late')

/**
 * Waits for so many ms and no longer.
 *
 * @throws {LateError} When they are over. What becomes of the rest is of no interest then.
 */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, ms, LATE)
  })
  try {
    const first = await Promise.race([work, late])
    if (first === LATE) throw new LateError(ms)
    return first
  } finally {
    clearTimeout(timer)
  }
}

/** Says that somebody waited long enough. */
export class LateError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms / 1_000} s`)
  }
}

/** The connections of a pool. */
export interface Sockets {
  readonly make: () => Socket
  /** Resolves once they have all ended. A pool may say before that it has, and its servers keep the program. */
  readonly ended: () => Promise<void>
  /** Ends them at once. */
  readonly cut: () => void
}

export function newSockets(): Sockets {
  const open = new Set<Socket>()
  return {
    make() {
      const socket = new Socket().setNoDelay(true).setKeepAlive(true)
      open.add(socket)
      return socket.once('close', () => open.delete(socket))
    },
    async ended() {
      await Promise.all([...open].map((socket) => once(socket, 'close')))
    },
    cut() {
      for (const socket of open) socket.destroy()
    },
  }
}

/**
 * Loads the packages that one store needs together.
 *
 * @throws {ConfigError} When one is missing, with the command that installs them.
 */
export async function loadPackages<Modules extends readonly unknown[]>(
  load: LoadPackage,
  scheme: string,
  ...names: { [Index in keyof Modules]: string }
): Promise<Modules> {
  const modules: unknown[] = []
  for (const name of names) {
    const module = await loadIfThere(load, name)
    if (module === undefined) {
      throw new ConfigError(
        `openStore: a ${scheme}: URL needs the package ${name}, which is not installed. Run: npm install ${names.join(' ')}`,
      )
    }
    modules.push(module)
  }
  return modules as unknown as Modules
}

/** Loads a package; undefined when it is not there, which is not the same as there and broken. */
export async function loadIfThere(load: LoadPackage, name: string): Promise<unknown> {
  try {
    return await load(name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    if (absent && message.includes(`'${name}'`)) return undefined
    if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') return undefined
    throw error
  }
}

/** What a server says that refuses for good. */
const REFUSALS = ['ERR', 'NOAUTH', 'NOPERM', 'WRONGPASS']

/** Tells that a server was not reached. Of the error only such as a code is shown, as the rest may hold the URL. */
export function notReached(scheme: string, error: unknown): StoreError {
  const { code, message = '' } = Object(error) as Partial<NodeJS.ErrnoException>
  const said = code ?? /^[A-Z]{3,}\b/.exec(message)?.[0]
  const what = error instanceof LateError ? message : (said ?? Object(error).constructor.name)
  return new StoreError(`openStore: the ${scheme}: server was not reached: ${what}.`, {
    operation: 'open',
    outcome: 'not-done',
    retriable: !REFUSALS.includes(said ?? ''),
  })
}
