/** A browser and a counting store, for tests that look at what a visitor and a store see. */

import type { AnySession, Commit, LifeCycle, SessionEvent, Store } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import type { MaybePromise } from '../../src/core/store.ts'

/** A clock that moves when it is set; ms since the epoch. */
export class Clock {
  at = 1_800_000_000_000
  readonly now = (): number => this.at

  advance(ms: number): void {
    this.at += ms
  }
}

/** A memory store that counts the verbs that reach it, and fails or hangs on demand. */
export function countingStore(
  clock: Clock,
): Store & { calls: string[]; fail?: (verb: string) => unknown } {
  const memory = memoryStore({ now: clock.now })
  const counted =
    <A extends unknown[], R>(verb: string, call: (...args: A) => MaybePromise<R>) =>
    async (...args: A): Promise<R> => {
      store.calls.push(verb)
      await store.fail?.(verb)
      return call(...args)
    }
  const store: ReturnType<typeof countingStore> = {
    name: 'counting',
    atomic: true,
    calls: [],
    read: counted('read', memory.read),
    create: counted('create', memory.create),
    replace: counted('replace', memory.replace),
    touch: counted('touch', memory.touch),
    delete: counted('delete', memory.delete),
  }
  return store
}

/** Keeps the cookie that the last commit gave, as a browser does. */
export class Browser<S extends AnySession> {
  readonly #sessions: { load(header: string | undefined): Promise<S> } & LifeCycle
  cookie: string | undefined

  constructor(
    sessions: { load(header: string | undefined): Promise<S> } & LifeCycle,
    cookie?: string,
  ) {
    this.#sessions = sessions
    this.cookie = cookie
  }

  /** One request: loads, does the work, commits, keeps the cookie. */
  async visit(work: (session: S) => unknown = () => {}): Promise<Commit> {
    const session = await this.#sessions.load(this.cookie)
    await work(session)
    const commit = await this.#sessions.commit(session)
    const line = setCookie(commit)
    if (line !== undefined) {
      this.cookie = /; Max-Age=0;/.test(line) ? undefined : line.slice(0, line.indexOf(';'))
    }
    return commit
  }
}

/** The `Set-Cookie` line of a commit. */
export function setCookie(commit: Commit): string | undefined {
  return commit.headers.find(([name]) => name === 'set-cookie')?.[1]
}

/** An event listener that keeps its events. */
export function listener(): { events: SessionEvent[]; onEvent: (event: SessionEvent) => void } {
  const events: SessionEvent[] = []
  return { events, onEvent: (event) => void events.push(event) }
}

/** 32 bytes that are used once. */
export const SECRET = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
