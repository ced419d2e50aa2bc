/** The visitors of the race: plain requests over loopback, each with the cookie that it is given. */

import { Agent, type IncomingMessage, request } from 'node:http'
import type { Look } from './site.ts'

const agent = new Agent({ keepAlive: true, maxFreeSockets: 1_000 })

export interface Answer {
  readonly status: number
  readonly body: string
  /** The cookie to send from now on; absent: the response sets none, or removes it. */
  readonly cookie: string | undefined
  /** When the handler of a logout called the session's `destroy`, or that of a revocation began, in ms since the epoch. */
  readonly began: number
}

/** @param target Such as `/write?key=a`. */
export function send(
  port: number,
  method: 'GET' | 'POST',
  target: string,
  cookie?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = cookie === undefined ? {} : { cookie }
    const options = { agent, host: '127.0.0.1', port, method, path: target, headers }
    const sent = request(options, (response) => {
      bodyOf(response).then((body) => {
        const { statusCode: status = 0, headers: got } = response
        const pair = got['set-cookie']?.[0]?.split(';')[0]
        const isRemoval = pair === undefined || pair.endsWith('=')
        const began = Number(got['began'])
        resolve({ status, body, cookie: isRemoval ? undefined : pair, began })
      }, reject)
    })
    sent.once('error', reject)
    sent.end()
  })
}

/** Starts a logged-in session; resolves to its cookie. */
export async function start(port: number): Promise<string> {
  const { status, body, cookie } = await send(port, 'POST', '/start')
  if (cookie === undefined) throw new Error(`the login was answered with ${status}: ${body}`)
  return cookie
}

/** What a visitor with that cookie sees. */
export async function look(port: number, cookie: string, path = '/'): Promise<Look> {
  const { status, body } = await send(port, 'GET', path, cookie)
  if (status !== 200) throw new Error(`a look was answered with ${status}: ${body}`)
  return JSON.parse(body) as Look
}

/** How often a server's commits were tried again. */
export async function retriesOf(port: number): Promise<number> {
  return Number((await send(port, 'GET', '/retries')).body)
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return body
}

/** Requests that were answered with an error: how many, and the first reason. */
export interface Failures {
  readonly count: number
  readonly reason?: string
}

export class FailureCount {
  #count = 0
  #reason: string | undefined

  /** The response of a request. Undefined, and counted: it failed, or its status is neither 204 nor 401. */
  async watch(request: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      const answer = await request()
      if (answer.status === 204 || answer.status === 401) return answer
      this.#add(`${answer.status}: ${answer.body}`)
    } catch (error) {
      this.#add(String(error))
    }
    return undefined
  }

  get total(): Failures {
    return { count: this.#count, ...(this.#reason !== undefined && { reason: this.#reason }) }
  }

  #add(reason: string): void {
    this.#count += 1
    this.#reason ??= reason
  }
}
