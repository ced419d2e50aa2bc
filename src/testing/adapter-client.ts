/**
 * A small browser for the adapter suite: one connection a request, a cookie jar, no redirects on its own.
 *
 * @module
 */

import { type IncomingMessage, request as send } from 'node:http'

/** What came back. */
export interface Answered {
  readonly status: number
  /** The lines of `Set-Cookie`. */
  readonly cookies: readonly string[]
  /** The members of `Vary`, in lower case. */
  readonly vary: readonly string[]
  readonly text: string
  /** A header's value, several lines joined by `, `; empty when it is absent. */
  header(name: string): string
}

export interface Call {
  /** @default 'GET' */
  readonly method?: string
  /** Sent once the server has asked for it with `100 Continue`, so that its handler is waiting. */
  readonly body?: string
  /** Called when the headers have arrived, before the body is read. */
  readonly onHeaders?: () => void
  /** Cuts the connection. */
  readonly signal?: AbortSignal
}

/** One visitor. */
export class Client {
  readonly #origin: string
  /** Cookies by name. The client keeps `Secure` ones over plain http, too. */
  readonly jar: Map<string, string> = new Map()

  constructor(origin: string) {
    this.#origin = origin
  }

  /** Asks, with the cookies of the jar, and keeps the cookies of the answer. Rejects when the connection breaks. */
  async ask(path: string, call: Call = {}): Promise<Answered> {
    const response = await this.#send(path, call)
    call.onHeaders?.()
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) text += String(chunk)
    const cookies = response.headers['set-cookie'] ?? []
    for (const line of cookies) this.#keep(line)
    const header = (name: string): string => String(response.headers[name] ?? '')
    const vary = header('vary').toLowerCase().split(',')
    return {
      status: response.statusCode ?? 0,
      cookies,
      vary: vary.map((member) => member.trim()).filter((member) => member !== ''),
      text,
      header,
    }
  }

  #send(path: string, { method = 'GET', body, signal }: Call): Promise<IncomingMessage> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((resolve, reject) => {
      const request = send(new URL(path, this.#origin), {
        agent: false,
        method,
        headers: {
          ...(cookie !== '' && { cookie }),
          ...(body !== undefined && {
            expect: '100-continue',
            'content-type': 'text/plain',
            'content-length': Buffer.byteLength(body),
          }),
        },
        ...(signal && { signal }),
      })
      request.once('response', resolve)
      request.once('error', reject)
      if (body === undefined) request.end()
      else request.once('continue', () => request.end(body))
      if (body !== undefined) request.flushHeaders()
    })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (attributes.includes('Max-Age=0')) this.jar.delete(name)
    else this.jar.set(name, pair.slice(at + 1))
  }
}
