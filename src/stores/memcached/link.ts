/**
 * One socket to a Memcached, from its first to its last moment. Commands go out at once and are answered in order; each
 * carries a number that its answer has to repeat, so that nobody is ever given the answer to another's question.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { connect as connectTcp, isIP } from 'node:net'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { lineOf, type MetaCommand } from './command.ts'
import { broken, type Failure, HUNG_UP, nonsense, tooLate, turnedAway } from './failure.ts'
import { type MetaReply, ProtocolError, replyParser, tokenOf } from './parser.ts'
import type { ServerAddress } from './servers.ts'

export interface LinkSettings {
  readonly server: ServerAddress
  readonly tls: ConnectionOptions | undefined
  readonly credentials: { readonly username: string; readonly password: string } | undefined
  /** Until the server has greeted, in ms. */
  readonly connectTimeout: number
  /** Without any answer while one is due, in ms. */
  readonly timeout: number
}

/** A command, and who waits for its answer. */
export interface Question {
  readonly command: MetaCommand
  answer(reply: MetaReply): void
}

export interface LinkEvents {
  /** The server has greeted. */
  onReady(): void
  /** An answer came. */
  onAnswer(): void
  /** Comes once, and is the last; with what was asked and not answered. */
  onLost(failure: Failure, due: readonly Question[]): void
}

export interface Link {
  readonly isReady: boolean
  /** Whether no answer is due. */
  readonly isIdle: boolean
  /** Only when it is ready. */
  ask(question: Question): void
  lose(failure: Failure): void
}

/** The cheapest command of the meta protocol. */
const GREETING = 'mn\r\n'
const KEEP_ALIVE = 30_000

/** Opens a socket. It lets the program end while no answer is due. */
export function openLink(settings: LinkSettings, events: LinkEvents): Link {
  const { server, tls, credentials, connectTimeout, timeout } = settings
  const { host, port } = server
  const due: { readonly question: Question; readonly number: string }[] = []
  let state: 'greeting' | 'ready' | 'lost' = 'greeting'
  let toldPassword = false
  // By chance, as something in between might mix up connections.
  let asked = Math.floor(Math.random() * 2 ** 32)
  let answers = 0
  let timer = setTimeout(() => lose(tooLate('connect', connectTimeout)), connectTimeout)

  const socket = tls
    ? connectTls({ ...(isIP(host) === 0 && { servername: host }), ...tls, host, port })
    : connectTcp({ host, port })
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE)
  socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(GREETING))
  socket.on('data', read)
  socket.on('error', (error) => lose(broken(error)))
  socket.on('end', () => lose(HUNG_UP))
  socket.on('close', () => lose(HUNG_UP))

  const parse = replyParser((reply) => {
    if (state === 'greeting') welcome(reply)
    else if (state === 'ready') receive(reply)
  })

  function read(chunk: Uint8Array): void {
    if (state === 'lost') return
    try {
      parse(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      lose(nonsense(error.message))
    }
  }

  function welcome(reply: MetaReply): void {
    if (reply.code === 'STORED' && toldPassword) return
    if (reply.code === 'CLIENT_ERROR' && credentials !== undefined && !toldPassword) {
      // Only a server that asks is told: another one would keep the password as a record.
      toldPassword = true
      const words = Buffer.from(`${credentials.username} ${credentials.password}`)
      socket.write(`set auth 0 0 ${words.length}\r\n${words}\r\n${GREETING}`)
    } else if (reply.code === 'MN') {
      state = 'ready'
      clearTimeout(timer)
      timer = setTimeout(watch, timeout).unref()
      socket.unref()
      events.onReady()
    } else {
      lose(turnedAway(reply, toldPassword))
    }
  }

  function watch(): void {
    const before = answers
    // What arrived while the program was busy is read between timers and immediates.
    setImmediate(() => {
      if (due.length > 0 && answers === before) lose(tooLate('answer', timeout))
    })
  }

  function ask(question: Question): void {
    const number = (++asked).toString(36)
    if (due.push({ question, number }) === 1) {
      socket.ref()
      timer.refresh()
    }
    const { value } = question.command
    if (value === undefined) {
      socket.write(lineOf(question.command, number), 'latin1')
      return
    }
    socket.cork()
    socket.write(lineOf(question.command, number), 'latin1')
    socket.write(value)
    socket.write('\r\n')
    socket.uncork()
  }

  function receive(reply: MetaReply): void {
    const { question, number } = due[0] ?? {}
    const refuses = reply.code.endsWith('ERROR')
    if (question === undefined || !(refuses || tokenOf(reply, 'O') === number)) {
      throw new ProtocolError('an answer is not to what was asked')
    }
    due.shift()
    answers++
    timer.refresh()
    if (due.length === 0) socket.unref()
    question.answer(reply)
    // What it did not understand it may have read as several commands, or none.
    if (refuses && reply.code !== 'SERVER_ERROR') {
      throw new ProtocolError('it did not understand a command')
    }
    events.onAnswer()
  }

  function lose(failure: Failure): void {
    if (state === 'lost') return
    state = 'lost'
    clearTimeout(timer)
    socket.destroy()
    events.onLost(
      failure,
      due.splice(0).map(({ question }) => question),
    )
  }

  return {
    get isReady() {
      return state === 'ready'
    },
    get isIdle() {
      return due.length === 0
    },
    ask,
    lose,
  }
}
