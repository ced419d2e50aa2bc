/**
 * The way to one Memcached: opened by the first command, and again by the next one after it was lost. Nothing is sent
 * twice.
 *
 * @module
 */

import { performance } from 'node:perf_hooks'
import { StoreError } from '../../errors.ts'
import { type MetaCommand, onlyReads } from './command.ts'
import { CLOSED, type Failure } from './failure.ts'
import { type Link, type LinkSettings, openLink, type Question } from './link.ts'
import type { MetaReply } from './parser.ts'

export interface SendOptions {
  /** What the `operation` of an error is; default the verb of the command. */
  readonly operation?: string
  /** Stop waiting for a connection: the command is not sent then. Once sent, its answer is waited for. */
  readonly signal?: AbortSignal | undefined
}

export interface MemcachedConnection {
  /** Resolves to the reply, also one that refuses. Rejects with a {@link StoreError} when there is none. */
  send(command: MetaCommand, options?: SendOptions): Promise<MetaReply>
  /** Takes no more commands, waits for the answers that are due, and disconnects. */
  close(): Promise<void>
}

/** A command that somebody waits for. */
interface Exchange extends Question {
  readonly options: SendOptions
  readonly reject: (error: StoreError) => void
  /** Gives up, as long as it is not sent. */
  readonly abort: () => void
}

const ABORTED: Failure = { reason: 'it was aborted before it was sent', retriable: true }
/** In ms. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

/** Makes a connection; it opens nothing yet. */
export function memcachedConnection(settings: LinkSettings): MemcachedConnection {
  const waiting = new Set<Exchange>()
  let link: Link | undefined
  let failures = 0
  let lastFailure = CLOSED
  let pauseEnds = 0
  let closing: Promise<void> | undefined
  let onClosed = () => {}

  function open(): Link {
    const opened = openLink(settings, {
      onReady() {
        for (const exchange of waiting) {
          exchange.options.signal?.removeEventListener('abort', exchange.abort)
          opened.ask(exchange)
        }
        waiting.clear()
      },
      onAnswer() {
        failures = 0
        if (closing !== undefined && opened.isIdle) opened.lose(CLOSED)
      },
      onLost(failure, due) {
        link = undefined
        lastFailure = failure
        // The first try is at once: a server that was started again has closed what was open.
        if (failures > 0) pauseEnds = performance.now() + pauseAfter(failures)
        failures++
        for (const question of due) fail(question as Exchange, failure, 'sent')
        for (const exchange of waiting) fail(exchange, failure)
        waiting.clear()
        onClosed()
      },
    })
    return opened
  }

  function fail({ command, options, abort, reject }: Exchange, failure: Failure, sent?: 'sent') {
    options.signal?.removeEventListener('abort', abort)
    const { operation = command.verb } = options
    const { reason, retriable, cause } = failure
    const outcome = sent && !onlyReads(command) ? 'unknown' : 'not-done'
    reject(
      new StoreError(`Memcached at ${settings.server.name}: \`${operation}\` failed: ${reason}.`, {
        operation,
        outcome,
        retriable,
        cause,
      }),
    )
  }

  function send(exchange: Exchange): void {
    const { signal } = exchange.options
    if (closing !== undefined) fail(exchange, CLOSED)
    else if (signal?.aborted) fail(exchange, ABORTED)
    else if (link?.isReady) link.ask(exchange)
    else if (link === undefined && performance.now() < pauseEnds) fail(exchange, lastFailure)
    else {
      link ??= open()
      waiting.add(exchange)
      signal?.addEventListener('abort', exchange.abort, { once: true })
    }
  }

  return {
    send: (command, options = {}) =>
      new Promise((answer, reject) => {
        const abort = () => {
          waiting.delete(exchange)
          fail(exchange, ABORTED)
        }
        const exchange: Exchange = { command, options, answer, reject, abort }
        send(exchange)
      }),

    close() {
      closing ??= new Promise((resolve) => {
        onClosed = resolve
        if (link === undefined) resolve()
        else if (!link.isReady || link.isIdle) link.lose(CLOSED)
      })
      return closing
    },
  }
}

/** Full pauses double up to a second; half of each is by chance, so that processes do not come back together. */
function pauseAfter(failures: number): number {
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures - 1, 10))
  return pause * (0.5 + Math.random() / 2)
}
