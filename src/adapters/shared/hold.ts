/**
 * What is known of a response that waits for its session.
 *
 * @module
 */

import type { Commit } from '../../core/scope.ts'
import type { NodeResponse } from './node-headers.ts'

/** Who is asked before a response leaves. */
export interface Holder {
  /** A promise makes the response wait; what it throws or rejects with drops the response. */
  commit(): Commit | Promise<Commit>
  /** Answers in place of a response that was dropped. Where headers had left already, it can only end the connection. */
  fail(error: unknown): void
}

/** Where a response leaves. */
export type Outlet = 'writeHead' | 'write' | 'end' | 'flushHeaders'
/** What changes headers. */
export type Setter = 'setHeader' | 'appendHeader' | 'removeHeader'
export type Method = (this: unknown, ...args: readonly unknown[]) => unknown
export type Listener = (this: unknown, ...args: unknown[]) => void

/** What is piped into a response. */
export interface Source {
  unpipe(destination: unknown): unknown
}

/** The name of a response's {@link Hold}. */
export const HOLD: unique symbol = Symbol('vial.hold')
export type Held = NodeResponse & { [HOLD]: Hold }
/** The methods of a response that stand in for each other. */
export type Methods = Record<Outlet | Setter | 'on' | 'addListener', Method>

/** The same response, for its methods to be replaced. */
export function methodsOf(response: NodeResponse): Methods {
  return response as unknown as Methods
}

/** The state of one response; the functions that stand in for its methods are shared by all. */
export class Hold {
  state: 'open' | 'held' | 'free' | 'failed' = 'open'
  holders: Holder[]
  /** What stood on the response when the session was first asked for. */
  readonly headers: ReturnType<NodeResponse['getHeaders']>
  // The methods as they were: Node's, or those of a wrapper below.
  readonly writeHead: Method
  readonly write: Method
  readonly end: Method
  readonly flushHeaders: Method
  /** Absent: as Node has it. */
  on: Method | undefined
  /** Absent: the response has not been held yet. */
  setters: Record<Setter, Method> | undefined
  readonly sources: Source[] = []
  queue: [Outlet, readonly unknown[]][] = []
  status = 200
  ended = false
  needDrain = false
  /** Listeners for `drain` that a wrapper below keeps to itself. */
  strays: Listener[] = []

  constructor(response: NodeResponse, holder: Holder) {
    this.holders = [holder]
    this.headers = response.getHeaders()
    const methods = methodsOf(response)
    this.writeHead = methods.writeHead
    this.write = methods.write
    this.end = methods.end
    this.flushHeaders = methods.flushHeaders
  }

  /** Waits once more, for the page that takes the place of a dropped response. */
  reopen(holder: Holder): void {
    this.state = 'open'
    this.holders = [holder]
    this.ended = false
    this.needDrain = false
  }
}
